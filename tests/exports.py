"""libstek.so shows the calls that stek.h declares, each of them, and nothing else: exports.py LIBRARY HEADER."""

import re
import subprocess
import sys
from pathlib import Path

library, header = sys.argv[1:]

declared = set(re.findall(r'^STEK_API [^(;]*?(\w+)\(', Path(header).read_text(), re.MULTILINE))
table = subprocess.run(['nm', '-D', '--defined-only', library], capture_output=True, text=True, check=True).stdout
symbols = [line.split()[-2:] for line in table.splitlines()]
# A version's own name is an absolute symbol.
exported = {name.split('@')[0] for kind, name in symbols if kind != 'A'}

print(f'{len(declared)} declared, {len(exported)} exported')
for name in sorted(declared ^ exported):
    print(f'{name}: {"not exported" if name in declared else "not declared"}')
sys.exit(declared != exported or len(declared) < 20)
