"""Which branches of the formats' code the tests take both ways. Reads what `llvm-cov export` says of the tests' binaries.

    coverage.py ROOT EXPORT.json...

A branch is a place in the source: what its template instantiations take adds up, which llvm-cov does not do by itself.
A constant condition is no branch and is not exported. Fails unless every branch goes both ways.
"""

import fnmatch
import json
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(sys.argv[1]).resolve()
# A defaulted comparison in a header counts as one that is never false.
WATCHED = ('src/wire/*', 'src/ticket/*', 'src/session/state.*', 'src/session/flaw.*', 'src/foreign/der.*',
           'src/foreign/*.cpp')


def functions(path):
    for unit in json.loads(Path(path).read_text())['data']:
        yield from unit['functions']


def watched(filename):
    name = str(Path(filename).resolve()).removeprefix(f'{ROOT}/')
    return name if any(fnmatch.fnmatch(name, pattern) for pattern in WATCHED) else None


def collect(paths):
    """{file: {(line, column): [taken, skipped]}}"""
    files = defaultdict(dict)
    for path in paths:
        for function in functions(path):
            for branch in function['branches']:
                name = watched(function['filenames'][branch[6]])
                if name is None:
                    continue
                counts = files[name].setdefault(tuple(branch[:2]), [0, 0])
                counts[0] += branch[4]
                counts[1] += branch[5]
    return files


def print_missing(name, branches):
    for (line, column), (taken, skipped) in sorted(branches.items()):
        if not (taken and skipped):
            never = 'true nor false' if taken == skipped else 'false' if taken else 'true'
            print(f'  {name}:{line}:{column}: never {never}')


def main():
    files = collect(sys.argv[2:])
    both = total = 0
    for name in sorted(files):
        branches = files[name]
        full = sum(1 for taken, skipped in branches.values() if taken and skipped)
        print(f'{full:4} / {len(branches):<4} {name}')
        print_missing(name, branches)
        both += full
        total += len(branches)
    print(f'{both:4} / {total:<4} branches taken both ways')
    sys.exit(0 if total and both == total else 1)


main()
