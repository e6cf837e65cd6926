"""systemd takes the units as they are: units.py STEK UNIT..."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

stek, *units = sys.argv[1:]
if not shutil.which('systemd-analyze'):
    print('no systemd-analyze here')
    sys.exit(77)

with tempfile.TemporaryDirectory() as folder:
    for unit in map(Path, units):
        # Not installed yet, and systemd looks whether it is there.
        text, commands = re.subn(r'(?m)^(ExecStart=)\S+', rf'\g<1>{Path(stek).resolve()}', unit.read_text())
        assert 'bindir@' not in text and commands == (unit.suffix == '.service'), unit
        (Path(folder) / unit.name).write_text(text)
    ran = subprocess.run(['systemd-analyze', 'verify', '--man=no', *sorted(Path(folder).iterdir())],
                         capture_output=True, text=True)

# An exit code of 0 does not mean that it had nothing to say of a unit.
said = [line for line in (ran.stdout + ran.stderr).splitlines() if 'stek' in line]
print(*said, sep='\n')
print(f'{len(units)} units, {len(said)} complaints, exit code {ran.returncode}')
sys.exit(1 if said or ran.returncode != 0 else 0)
