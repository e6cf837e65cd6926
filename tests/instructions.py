"""How many instructions of stek's own a ticket takes, by callgrind: those in libraries, the ciphers above all, are not
counted. A rise of over 3 % beyond tests/instructions.json fails; STEK_ACCEPT=1 writes the file anew.

    instructions.py PROGRAM SOURCE COMPILER

The counts are those of one compiler at one level of optimisation; where the file has none for it, there is nothing to
compare with.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM, SOURCE, COMPILER = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3]
BASELINE = SOURCE / 'tests/instructions.json'
FEW, MANY = 1000, 3000
RISE = 1.03
SKIPPED = 77


def own_instructions(what, count):
    """Of all functions in the program's own file, without what they call."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / 'out'
        subprocess.run(['valgrind', '--tool=callgrind', f'--callgrind-out-file={out}', '--compress-strings=no',
                        '--compress-pos=no', PROGRAM, what, str(count)], check=True, capture_output=True)
        total, own, called = 0, False, False
        for line in out.read_text().splitlines():
            if line.startswith('ob='):
                own = line == f'ob={PROGRAM}'
            elif line.startswith('calls='):
                called = True  # the next line is the callee's
            elif re.match(r'^\+?\d+ \d+$', line):
                total += int(line.split()[1]) if own and not called else 0
                called = False
        return total


def per_ticket(what):
    return round((own_instructions(what, MANY) - own_instructions(what, FEW)) / (MANY - FEW))


if not shutil.which('valgrind'):
    print('no valgrind here')
    sys.exit(1 if os.environ.get('CI') else SKIPPED)
baselines = json.loads(BASELINE.read_text())
counts = {what: per_ticket(what) for what in ('issue', 'resume', 'seal', 'open')}
if os.environ.get('STEK_ACCEPT'):
    BASELINE.write_text(json.dumps(baselines | {COMPILER: counts}, indent=2) + '\n')
    print(f'{COMPILER}: {counts}')
    sys.exit(0)
if COMPILER not in baselines:
    print(f'nothing to compare with for {COMPILER}: {counts}')
    sys.exit(SKIPPED)
failed = 0
for what, before in baselines[COMPILER].items():
    rises = counts[what] > before * RISE
    failed += rises
    print(f'{"FAIL" if rises else "ok  "} {what}: {counts[what]} instructions a ticket, {before} before')
print(f'{len(counts)} counted by {COMPILER}, {failed} rose')
sys.exit(1 if failed else 0)
