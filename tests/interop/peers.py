"""Servers and clients that meet over TCP, for wire.py and matrix.py: the demo server of each TLS library, and clients that
say the same in their own libraries' words.
"""

import argparse
import json
import re
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

TLS12, TLS13 = '1.2', '1.3'
BOTH = (TLS12, TLS13)

GCM128 = 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'
GCM256 = 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'
CBC = 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'
OPENSSL_NAMES = {GCM128: 'ECDHE-ECDSA-AES128-GCM-SHA256', GCM256: 'ECDHE-ECDSA-AES256-GCM-SHA384',
                 CBC: 'ECDHE-ECDSA-AES128-SHA'}
GNUTLS_NAMES = {GCM128: '+AES-128-GCM', GCM256: '+AES-256-GCM', CBC: '+AES-128-CBC'}


@dataclass(frozen=True)
class Library:
    """What a server on it can do."""
    name: str
    versions: tuple = (TLS12,)
    cbc: bool = True
    encrypt_then_mac: bool = True
    certificates: bool = False  # a client is known again by the one in its ticket
    hello: bool = True  # it is seen, and so what in it speaks against a resumption
    takes_long_tickets: bool = True  # else a handshake that brings one ends
    tickets_after_refusal: bool = True  # a full handshake for a ticket that was refused brings a fresh one
    keeps_suite: bool = True  # resumes under the sealed suite, whichever it would select now
    renews: tuple = ()  # the versions in which a resumption can bring a fresh ticket


LIBRARIES = {
    'openssl': Library('OpenSSL', BOTH, certificates=True, renews=BOTH),
    'mbedtls': Library('mbed TLS', renews=(TLS12,)),
    'wolfssl': Library('wolfSSL', takes_long_tickets=False, tickets_after_refusal=False),
    'boringssl': Library('BoringSSL', BOTH, encrypt_then_mac=False, certificates=True, renews=(TLS13,)),
    'rustls': Library('rustls', BOTH, cbc=False, encrypt_then_mac=False, hello=False, keeps_suite=False, renews=BOTH)}


@dataclass(frozen=True)
class Hello:
    """What a client says, in no library's words."""
    name: str = 'localhost'
    suites: tuple = (GCM128, GCM256)  # of TLS 1.2; none: whatever it says by itself
    suite13: str = ''  # of TLS 1.3, by its name
    ems: bool = True
    etm: bool = True
    flip: int | None = None
    certificate: bool = False


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **more)


class Server:
    def __init__(self, program, ring, options, files):
        options = [str(files / 'ca.pem') if option == 'CA' else option for option in options]
        self.process = subprocess.Popen([program, '--ring', str(ring), '--cert', files / 'server.pem',
                                         '--key', files / 'server.key', *options], stdout=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().strip().rpartition(':')[2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=20)

    def said(self):
        return self.process.stdout.readline().strip()


class SClient:
    name = 'openssl s_client'
    versions = BOTH
    takes_refusal = True

    def meet(self, port, version, hello, session, files):
        keep = ['-sess_in', str(session)] if session.exists() else ['-sess_out', str(session)]
        if hello.flip is not None:
            flip_in_pem(session, hello.flip)
        command = ['openssl', 's_client', '-connect', f'127.0.0.1:{port}', f'-tls{version.replace(".", "_")}', '-ign_eof',
                   '-servername', hello.name, *keep]
        if hello.suites:
            command += ['-cipher', ':'.join(OPENSSL_NAMES[suite] for suite in hello.suites)]
        if hello.suite13:
            command += ['-ciphersuites', hello.suite13]
        if hello.certificate:
            command += ['-cert', str(files / 'client.pem'), '-key', str(files / 'client.key')]
        turned_off = [name for name, on in (('ems', hello.ems), ('etm', hello.etm)) if not on]
        done = run(*command, input='hello\n',
                   env={'OPENSSL_CONF': str(files / f'no_{"_".join(turned_off)}.cnf')} if turned_off else None)
        if re.search('^Reused, ', done.stdout, re.MULTILINE) and 'welcome back, you said: hello' in done.stdout:
            return 'resumed'
        if re.search('^New, TLS', done.stdout, re.MULTILINE) and 'welcome, you said: hello' in done.stdout:
            return 'full'
        return alert_in(done.stderr)


def alert_in(text):
    found = re.search(r'SSL alert number (\d+)', text)
    return {'40': 'handshake_failure'}.get(found.group(1), f'alert {found.group(1)}') if found else 'failed'


def flip_in_pem(session, byte):
    """In OpenSSL's DER the ticket is an OCTET STRING in [10]; stek's tickets here have a length of one or two bytes
    more."""
    file = session.with_suffix('.der')
    run('openssl', 'sess_id', '-in', str(session), '-outform', 'DER', '-out', str(file))
    der = bytearray(file.read_bytes())
    ticket = re.search(rb'\xaa(\x81.\x04\x81.|\x82..\x04\x82..)', der, re.DOTALL).end()
    der[ticket + byte] ^= 1
    file.write_bytes(der)
    run('openssl', 'sess_id', '-inform', 'DER', '-in', str(file), '-out', str(session))


class SmallClient:
    """The small clients have the same options but for what they offer."""
    versions = (TLS12,)

    def __init__(self, name, program, offers):
        self.name, self.program, self.offers = name, program, offers
        # wolfSSL 5.5 takes every answer to its ticket for a resumption, and ends a handshake that is none.
        self.takes_refusal = name != 'wolfssl'

    def meet(self, port, version, hello, session, files):
        keep = ['--session-in' if session.exists() else '--session-out', str(session)]
        command = [self.program, '--port', port, '--server-name', hello.name, *keep, *self.offers(hello)]
        if hello.flip is not None:
            command += ['--flip', str(hello.flip)]
        if hello.certificate:
            command += ['--cert', str(files / 'client.pem'), '--key', str(files / 'client.key')]
        done = run(*command)
        found = re.search(r'handshake=(\w+) alert="?([^"=]*?)"? \w+=', done.stdout)
        if not found:
            return f'nothing: {done.stderr}'
        handshake, alert = found.groups()
        if handshake == 'failed':
            return 'handshake_failure' if re.match('handshake[ _]fail', alert.lower()) else 'failed'
        welcome = 'welcome back' if handshake == 'resumed' else 'welcome'
        return handshake if f'reply="{welcome}, you said: hello"' in done.stdout else f'another answer: {done.stdout}'


def offers_by_name(names, before='', separator=':'):
    def offers(hello):
        suites = before + separator.join(names[suite] for suite in hello.suites)
        return (['--cipher', suites] if hello.suites else []) + ([] if hello.ems else ['--no-ems']) + (
            [] if hello.etm else ['--no-etm'])
    return offers


OFFERS = {
    'libssl': offers_by_name(OPENSSL_NAMES),
    'gnutls': offers_by_name(GNUTLS_NAMES, before='-CIPHER-ALL:'),
    'mbedtls': offers_by_name({suite: suite.replace('_', '-') for suite in OPENSSL_NAMES}, separator=','),
    'wolfssl': offers_by_name(OPENSSL_NAMES)}


def make_files(files):
    """Certificates, and s_client's configurations."""
    options = {'ems': 'ExtendedMasterSecret', 'etm': 'EncryptThenMac'}
    for names in (['ems'], ['etm'], ['ems', 'etm']):
        (files / f'no_{"_".join(names)}.cnf').write_text(
            'openssl_conf = o\n[o]\nssl_conf = s\n[s]\nsystem_default = d\n[d]\n'
            f'Options = {",".join("-" + options[name] for name in names)}\n')
    (files / 'client.ext').write_text('basicConstraints = CA:FALSE\n')  # with an extension it is of X.509 v3
    new_key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    for command in (
            ['req', '-x509', *new_key, '-days', '2', '-subj', '/CN=ca', '-keyout', 'ca.key', '-out', 'ca.pem'],
            ['req', '-x509', *new_key, '-days', '2', '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.pem'],
            ['req', *new_key, '-subj', '/CN=client', '-keyout', 'client.key', '-out', 'client.csr'],
            ['x509', '-req', '-in', 'client.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2',
             '-extfile', 'client.ext', '-out', 'client.pem']):
        subprocess.run(['openssl', *command], cwd=files, check=True, capture_output=True)


class Stage:
    """Where they meet: what is built, and files for all."""

    def __init__(self, arguments):
        self.stek = str(Path(arguments.stek).resolve())
        named = dict(pair.split('=', 1) for pair in arguments.server)
        self.programs = {library.name: named[key] for key, library in LIBRARIES.items() if key in named}
        self.libraries = [library for library in LIBRARIES.values() if library.name in self.programs]
        self.clients = [SClient()] + [
            SmallClient(name, program, OFFERS[name])
            for name, program in (pair.split('=', 1) for pair in arguments.client)]
        self.scratch = tempfile.TemporaryDirectory()
        self.files = Path(self.scratch.name)
        make_files(self.files)

    def server(self, library, ring, options=()):
        return Server(self.programs[library.name], ring, options, self.files)

    def make_ring(self, ring, schedule=()):
        ring.unlink(missing_ok=True)
        made = run(self.stek, 'keys', 'init', '--profile', 'rfc5077', '--ring', f'file:{ring}', *schedule)
        assert made.returncode == 0, made.stderr

    def revoke(self, ring):
        """The key that seals, and so the one that sealed."""
        listed = run(self.stek, 'keys', 'list', '--json', '--ring', f'file:{ring}')
        name = next(key['name'] for key in json.loads(listed.stdout)['keys'] if key['phase'] == 'active')
        revoked = run(self.stek, 'keys', 'revoke', name, '--yes', '--ring', f'file:{ring}')
        assert revoked.returncode == 0, revoked.stderr

    def rotate(self, ring):
        time.sleep(1)  # a ring counts whole seconds, and a key seals for one at least
        rotated = run(self.stek, 'keys', 'rotate', '--force', '--yes', '--ring', f'file:{ring}')
        assert rotated.returncode == 0, rotated.stderr

    def play_all(self, play, cases):
        """What `play` says of each case, in their order; it is given a folder of its own for each. They wait for clocks and
        for each other, so there are more of them at once than the machine has processors."""
        def in_folder(case):
            with tempfile.TemporaryDirectory(dir=self.files) as folder:
                return play(case, Path(folder))
        with ThreadPoolExecutor(8) as pool:
            yield from pool.map(in_folder, cases)


def stage_from(description, *more):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('stek', help='the command')
    parser.add_argument('--server', action='append', required=True, metavar='LIBRARY=PROGRAM')
    parser.add_argument('--client', action='append', default=[], metavar='LIBRARY=PROGRAM')
    for option in more:
        parser.add_argument(option)
    arguments = parser.parse_args()
    return Stage(arguments), arguments
