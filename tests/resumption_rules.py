"""The page of rules in include/stek/resumption.hpp: every row has an owner, and every owner keeps it.

    resumption_rules.py ROOT

A row that `decide` or `issue` owns has a test of its number and a line of the source that names it; a row of an
adapter has a wire test. A row of the library says what somebody else must do, so there is nothing to find. The
twelve claims of what stek does better have a test each.
"""

import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1])
PAGE = ROOT / 'include/stek/resumption.hpp'
ROWS = {f'12.{n}' for n in range(1, 38)} | {f'13.{n}' for n in range(1, 19)}
CLAIMS = {f'claim {n}' for n in range(1, 13)}
OWNERS = ('decide', 'issue', 'adapter', 'library')

ROW = re.compile(r'^//   (1[23]\.\d+) +(\w+) +(\d{4} \S+)(?: \*)? +(\S.*)$', re.MULTILINE)
TEST_CASE = re.compile(r'TEST_CASE\(\s*((?:"[^"]*"\s*)+)\)')

failures = []


def names_in(path):
    for literals in TEST_CASE.findall(path.read_text()):
        yield ''.join(re.findall(r'"([^"]*)"', literals))


def comments_in(path):
    return [line for line in path.read_text().splitlines() if line.startswith('#')]


def numbers_of(names):
    """Those that names begin with: a test of two rules begins with both."""
    found = set()
    for name in names:
        found |= set(re.match(r'((?:1[23]\.\d+ )*)', name).group(1).split())
    return found


def check(condition, message):
    if not condition:
        failures.append(message)


def main():
    page = ROW.findall(PAGE.read_text())
    tests = {path.name: list(names_in(path)) for path in (ROOT / 'tests').glob('*_test.cpp')}
    wire = numbers_of(tests['mbedtls_test.cpp'])
    core = numbers_of(tests['resumption_test.cpp'] + tests['ticketer_test.cpp'])
    sources = ''.join(path.read_text() for room in ('resumption', 'ticketer', 'session')
                      for path in sorted((ROOT / 'src' / room).glob('*.cpp')))
    named = set(re.findall(r'\b(1[23]\.\d+)\b', ranges_spelled_out(sources)))

    numbers = [number for number, *_ in page]
    check(len(numbers) == len(set(numbers)), 'a row stands twice')
    check(set(numbers) == ROWS, f'rows missing or too many: {sorted(ROWS ^ set(numbers))}')
    for number, owner, _, _ in page:
        check(owner in OWNERS, f'{number}: {owner} is no owner')
        if owner in ('decide', 'issue'):
            check(number in core, f'{number}: no test begins with it')
            check(number in named, f'{number}: no line of the source names it')
        if owner == 'adapter':
            check(number in wire, f'{number}: no wire test begins with it')

    texts = [name for names in tests.values() for name in names]
    texts += [line for path in (ROOT / 'tests/cli').glob('*.txt') for line in comments_in(path)]
    for claim in sorted(CLAIMS):
        check(any(f'({claim})' in text for text in texts), f'{claim}: no test is named for it')

    for failure in failures:
        print(failure)
    count = {owner: sum(row[1] == owner for row in page) for owner in OWNERS}
    print(f'{len(page)} rules:', ', '.join(f'{n} of {owner}' for owner, n in count.items()), f'; {len(failures)} wrong')
    sys.exit(1 if failures else 0)


def ranges_spelled_out(text):
    """12.12 to 12.14 names three."""
    def spell(match):
        chapter, first, last = match.group(1), int(match.group(2)), int(match.group(3))
        return ' '.join(f'{chapter}.{n}' for n in range(first, last + 1))
    return re.sub(r'\b(1[23])\.(\d+) to \1\.(\d+)\b', spell, text)


main()
