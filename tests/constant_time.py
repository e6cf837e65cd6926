"""Runs constant_time under valgrind: no branch and no address depends on a secret, but those listed.

    constant_time.py PROGRAM SUPPRESSIONS LIBRARY...

Once with each library for AES-256-GCM.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAM, LISTED, LIBRARIES = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
LEAKS = ('compare', 'index', 'branch')
REPORTED, SKIPPED = 99, 77
FINGERPRINT = 32


def valgrind(*arguments, library=LIBRARIES[0]):
    command = ['valgrind', '-v', '--tool=memcheck', f'--error-exitcode={REPORTED}',
               f'--suppressions={LISTED}', PROGRAM, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=os.environ | {'STEK_AES256GCM': library})


def entries(library):
    """Their names, as they stand in the file, but those of another library."""
    names = re.findall(r'^\{\n\s*(.+)$', LISTED.read_text(), re.MULTILINE)
    return [name for name in names if ' by ' not in name or f' by {library}:' in name]


def used(output):
    rows = re.findall(r'used_suppression:\s*(\d+) (.+) (\S+\.supp):\d+', output)
    return {name: int(times) for times, name, path in rows if Path(path).name == LISTED.name}


def verdicts(output):
    """How many verdicts an entry may stand for, by the beginning of its name."""
    counts = {profile: tuple(map(int, numbers)) for profile, *numbers in re.findall(
        r'^(\w+): (\d+) encoded, (\d+) opened, (\d+) decoded, (\d+) rings read$', output,
        re.MULTILINE)}
    encoded, opened, decoded, read = ({profile: count[at] for profile, count in counts.items()}
                                      for at in range(4))
    return {
        'AES-256-GCM by libsodium': opened['aes256gcm'],
        'AES-256-GCM by ipsec-mb': opened['aes256gcm'],
        'a ticket that is opened': opened['aes256gcm'],
        'XChaCha20-Poly1305': opened['xchacha20poly1305'],
        'HMAC-SHA-256, and AES-256-GCM once more': opened['rfc5077'] + opened['aes256gcm'],
        'encoder and decoder': sum(encoded.values()) + sum(decoded.values()),
        'decoder': sum(decoded.values()),
        # A fingerprint is a hash of the ring, compared byte by byte.
        'a ring that is read': FINGERPRINT * sum(read.values()),
    }


def check_path(library):
    run = valgrind(library=library)
    if run.returncode != 0 or 'no AES' in run.stdout:
        print(run.stdout)
        return False
    times, limits = used(run.stdout), verdicts(run.stdout)
    good = True
    print(f'AES-256-GCM by {library}:')
    for entry in entries(library):
        limit = limits[entry.split(':')[0]]
        fits = 0 < times.get(entry, 0) and times[entry] <= limit
        # More branches than verdicts: something goes by the secret's bytes.
        print(f'{times.get(entry, 0):5} branches for {limit} verdicts  {entry}'
              f'{"" if fits else "  NEVER USED, OR TOO OFTEN"}')
        good = good and fits
    return good


def check_leak(leak):
    status = valgrind(leak).returncode
    print(f'planted leak, {leak}: {"reported" if status == REPORTED else "NOT REPORTED"}')
    return status == REPORTED


if not shutil.which('valgrind'):
    print('no valgrind here')
    sys.exit(1 if os.environ.get('CI') else SKIPPED)
sys.exit(0 if all([*map(check_path, LIBRARIES), *map(check_leak, LEAKS)]) else 1)
