"""One binary on other CPUs, and with each library for AES-256-GCM ruled out: whatever is left gives the same tickets.

    cpus.py PROGRAM SOURCE LIBRARY...

PROGRAM is vectors_test. qemu plays the CPUs: Nehalem has no AES instructions, Westmere has them and no AVX, Haswell has
AVX2 and no wider vectors.
"""

import os
import re
import shutil
import subprocess
import sys

PROGRAM, SOURCE, *LIBRARIES = sys.argv[1:]
SKIPPED = 77


def outcome(cpu, library):
    """Whether all checks held, the library that was used, and of which profiles vectors were opened."""
    environment = os.environ | {'STEK_SOURCE': SOURCE} | ({'STEK_AES256GCM': library} if library else {})
    command = ['qemu-x86_64', '-cpu', cpu, PROGRAM] if cpu else [PROGRAM]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    found = re.search(r'^AES-256-GCM by (\S+); vectors of (.*)$', ran.stdout, re.MULTILINE)
    if not found:
        return False, 'nothing', ran.stdout + ran.stderr
    return ran.returncode == 0, found.group(1), dict(zip(found.group(2).split()[::2], found.group(2).split()[1::2]))


def cases():
    """A CPU, the library it may have, the one that it then has."""
    for cpu in (None, 'Westmere', 'Haswell'):
        yield cpu, None, LIBRARIES[0]
        for library in LIBRARIES:
            yield cpu, library, library
    yield None, 'none', 'none'
    for library in (None, *LIBRARIES):
        yield 'Nehalem', library, 'none'


if not shutil.which('qemu-x86_64'):
    print('no qemu here')
    sys.exit(1 if os.environ.get('CI') else SKIPPED)
checked = failed = 0
for cpu, allowed, expected in cases():
    good, library, vectors = outcome(cpu, allowed)
    profiles = {'xchacha20poly1305', 'rfc5077'} | ({'aes256gcm'} if expected != 'none' else set())
    fits = good and library == expected and set(vectors) == profiles
    checked, failed = checked + 1, failed + (not fits)
    print(f'{"ok  " if fits else "FAIL"} {cpu or "this CPU"}, {allowed or "any library"}: by {library}, {vectors}')
print(f'{checked} checked, {failed} failed')
sys.exit(1 if failed else 0)
