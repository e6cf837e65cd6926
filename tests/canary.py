"""After everything a server does with its secrets, none of them is left in it: raw, hex or base64.

    canary.py PROGRAM NO_WIPE_LIBRARY

Looks at a core dump and at all memory that the process can write. With wiping switched off, the same
search must find them.
"""

import base64
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM, NO_WIPE = sys.argv[1:]
SKIPPED = 77
PIECE = 16


def write_sessions(folder):
    """Two sessions as JSON; what must not be left of them, by name."""
    master_secret, psk = secrets.token_hex(48), secrets.token_hex(32)
    data = secrets.token_hex(64)
    (folder / 'tls12.json').write_text(
        '{"version": "TLS 1.2", "cipher_suite": "0xc02b", "extended_master_secret": true,'
        f' "server_name": "shop.example", "application_data": "{data}", "secret": "{master_secret}"}}')
    (folder / 'tls13.json').write_text(
        '{"version": "TLS 1.3", "cipher_suite": "TLS_AES_128_GCM_SHA256", "ticket_age_add": 1,'
        f' "max_early_data_size": 0, "secret": "{psk}"}}')
    return [('master secret', bytes.fromhex(master_secret)), ('PSK', bytes.fromhex(psk)),
            ('application data', bytes.fromhex(data))]


def needles_of_rings(folder):
    lines = subprocess.check_output([PROGRAM, 'needles', folder], text=True).splitlines()
    return [(name, bytes.fromhex(digits)) for name, digits in map(str.split, lines)]


def in_base64(data):
    """At each of three places that it may have in a longer text, without what neighbours touch."""
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + data)
        inner = text[4 if shift else 0:len(text) - 4]
        yield inner
        yield inner.translate(bytes.maketrans(b'+/', b'-_'))


def forms_of(secret):
    """Every piece of 16 bytes, and the whole as text."""
    for at in range(0, len(secret) - PIECE + 1, PIECE):
        piece = secret[at:at + PIECE]
        yield 'raw', piece
        yield 'hex', piece.hex().encode()
        yield 'hex', piece.hex().upper().encode()
    for text in in_base64(secret):
        yield 'base64', text


class Life:
    """A server that has done its work and destroyed all it had."""

    def __init__(self, folder, wiping):
        environment = dict(os.environ) if wiping else os.environ | {'LD_PRELOAD': NO_WIPE}
        self.process = subprocess.Popen([PROGRAM, 'live', folder], env=environment,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == 'done\n'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def memory(self):
        """All that it can write."""
        folder = Path('/proc') / str(self.process.pid)
        with (folder / 'mem').open('rb', buffering=0) as memory:
            for line in (folder / 'maps').read_text().splitlines():
                begin, end, rights = re.match(r'(\w+)-(\w+) (\S+)', line).groups()
                if 'w' in rights:
                    memory.seek(int(begin, 16))
                    yield memory.read(int(end, 16) - int(begin, 16))

    def core(self, folder):
        subprocess.run(['gcore', '-o', folder / 'core', str(self.process.pid)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        path = folder / f'core.{self.process.pid}'
        core = path.read_bytes()
        path.unlink()
        return core


def found(where, needles):
    return sorted({f'{name}, {form}' for name, secret in needles for form, text in forms_of(secret)
                   if text in where})


def look(folder, needles, wiping):
    with Life(folder, wiping) as life:
        core, memory = life.core(folder), b'\0'.join(life.memory())
    assert core.startswith(b'\x7fELF') and len(core) > 100_000
    in_core, in_memory = found(core, needles), found(memory, needles)
    print(f'wiping {"on" if wiping else "off"}: {len(core)} bytes of core, {len(memory)} of memory')
    print('  in the core:  ', '; '.join(in_core) or 'nothing')
    print('  in the memory:', '; '.join(in_memory) or 'nothing')
    return in_core, in_memory


def main():
    if not shutil.which('gcore'):
        print('no gcore here')
        return 1 if os.environ.get('CI') else SKIPPED
    outcomes = []
    for wiping in (True, False):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            subprocess.run([PROGRAM, 'make', folder], check=True)
            needles = write_sessions(folder) + needles_of_rings(folder)
            print(len(needles), 'secrets')
            outcomes.append(look(folder, needles, wiping))
    (core, memory), (core_unwiped, _) = outcomes
    must_show = {'STEK, raw', 'PSK, raw', 'PSK, hex', 'master secret, hex', 'application data, hex'}
    unseen = must_show - set(core_unwiped)
    if unseen:
        print('with wiping off, not found:', *sorted(unseen))
    return 1 if core or memory or unseen else 0


sys.exit(main())
