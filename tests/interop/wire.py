"""Resumption on the wire: the demo server on each TLS library, and three clients that know nothing of each other's
sessions.

    wire.py STEK SERVER LIBRARIES LIBSSL_CLIENT GNUTLS_CLIENT

Each scenario takes a ticket from one server and offers it to the next, which may be built on another TLS library or have
other options; what the client saw, what the server says and what it answers have to be as expected. LIBRARIES are those
that the server has, with commas between. The clients: `openssl s_client`, tools/demo/client.cpp on libssl,
tests/interop/gnutls_client.cpp on GnuTLS. In TLS 1.3, which mbed TLS 2.28 has not, tls13_client.py plays its own
scenarios beside them.
"""

import itertools
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

STEK, SERVER, LIBSSL, GNUTLS = (str(Path(sys.argv[n]).resolve()) for n in (1, 2, 4, 5))
LIBRARIES = sys.argv[3].split(',')
GCM128 = 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'
GCM256 = 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'
CBC = 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'
OPENSSL_NAMES = {GCM128: 'ECDHE-ECDSA-AES128-GCM-SHA256', GCM256: 'ECDHE-ECDSA-AES256-GCM-SHA384',
                 CBC: 'ECDHE-ECDSA-AES128-SHA'}
GNUTLS_NAMES = {GCM128: '+AES-128-GCM', GCM256: '+AES-256-GCM', CBC: '+AES-128-CBC'}
BRIEF = ['--lead', '1s', '--sealing', '120s', '--accepting', '3s', '--lifetime', '1s', '--skew', '1s']
TLS12, TLS13 = '1.2', '1.3'


@dataclass
class Hello:
    """What a client says, in no library's words."""
    name: str = 'localhost'
    suites: tuple = (GCM128, GCM256)  # of TLS 1.2
    ems: bool = True
    etm: bool = True
    flip: int | None = None
    certificate: bool = False


@dataclass
class Scenario:
    rule: str
    saw: str  # 'resumed', 'full', or an alert's name
    said: str  # of the server's line
    first: Hello = field(default_factory=Hello)
    again: Hello = field(default_factory=Hello)
    server: tuple = ()
    next_server: tuple = ()
    schedule: tuple = ()
    wait: float = 0
    versions: tuple = (TLS12,)
    rotate: bool = False
    revoke: bool = False
    libraries: tuple = ('mbedtls', 'openssl')


BOTH = (TLS12, TLS13)
SCENARIOS = [
    Scenario('12.19 everything the same resumes', 'resumed', 'handshake=resumed reason=resumes', versions=BOTH),
    Scenario('12.12 another server name is a full handshake', 'full', 'handshake=full reason=server_name_differs',
             again=Hello(name='other.example'), versions=BOTH),
    Scenario('12.13 a server name in other case resumes', 'resumed', 'handshake=resumed reason=resumes',
             again=Hello(name='LocalHost'), versions=BOTH),
    Scenario('12.17 EMS sealed and not offered aborts', 'handshake_failure',
             'handshake=aborted reason=extended_master_secret_missing alert=handshake_failure', again=Hello(ems=False)),
    Scenario('12.8 a suite no longer offered is a full handshake', 'full', 'handshake=full reason=suite_not_offered',
             first=Hello(suites=(GCM128,)), again=Hello(suites=(GCM256,))),
    Scenario('12.9 a suite no longer enabled is a full handshake', 'full', 'handshake=full reason=suite_not_enabled',
             server=('--cipher-suite', GCM128), next_server=('--cipher-suite', GCM256)),
    Scenario('12.10 a suite order that changed resumes under the sealed suite', 'resumed',
             f'handshake=resumed reason=resumes .*suite={GCM128}',
             again=Hello(suites=(GCM256, GCM128)),
             server=('--cipher-suite', f'{GCM128},{GCM256}'), next_server=('--cipher-suite', f'{GCM256},{GCM128}')),
    Scenario('12.22 a CBC suite with encrypt-then-MAC resumes', 'resumed', 'handshake=resumed .*AES_128_CBC',
             first=Hello(suites=(CBC,)), again=Hello(suites=(CBC,))),
    Scenario('12.22 a CBC suite with MAC-then-encrypt resumes', 'resumed', 'handshake=resumed .*AES_128_CBC',
             first=Hello(suites=(CBC,), etm=False), again=Hello(suites=(CBC,), etm=False)),
    Scenario('12.20 encrypt-then-MAC is not given up', 'full', 'handshake=full reason=encrypt_then_mac_missing',
             first=Hello(suites=(CBC,)), again=Hello(suites=(CBC,), etm=False)),
    Scenario('12.21 encrypt-then-MAC is not left out', 'full', 'handshake=full reason=encrypt_then_mac_added',
             first=Hello(suites=(CBC,), etm=False), again=Hello(suites=(CBC,))),
    Scenario('12.30 client authentication demanded since is a full handshake', 'full',
             'handshake=full reason=identity_missing', again=Hello(certificate=True), next_server=('--client-ca', 'CA'),
             versions=BOTH),
    Scenario('12.30 and never a way around it', 'failed', 'handshake=failed', next_server=('--client-ca', 'CA')),
    Scenario('12.30 a client is known again by its certificate, in its context', 'resumed', 'handshake=resumed reason=resumes',
             first=Hello(certificate=True), server=('--client-ca', 'CA', '--context', 'one'),
             next_server=('--client-ca', 'CA', '--context', 'one'), versions=BOTH, libraries=('openssl',)),
    Scenario('12.30 and in no other', 'full', 'handshake=full reason=context_differs',
             first=Hello(certificate=True), again=Hello(certificate=True),
             server=('--client-ca', 'CA', '--context', 'one'), next_server=('--client-ca', 'CA', '--context', 'two'),
             versions=BOTH, libraries=('openssl',)),
    Scenario('12.3 an altered ticket is a full handshake', 'full', 'handshake=full reason=altered',
             again=Hello(flip=100), versions=BOTH),
    Scenario('12.3 a ticket under a name that nobody has is a full handshake', 'full',
             'handshake=full reason=unknown_key', again=Hello(flip=0), versions=BOTH),
    Scenario('12.3 a ticket of another domain is a full handshake', 'full', 'handshake=full reason=altered',
             next_server=('--domain', 'other'), versions=BOTH),
    Scenario('12.4 an expired ticket is a full handshake', 'full', 'handshake=full reason=ticket_expired',
             schedule=BRIEF, wait=2.1),
    Scenario('a ticket of a retired key resumes, and is renewed', 'resumed',
             'handshake=resumed reason=resumes renewed=yes', rotate=True, versions=BOTH),
    Scenario('a ticket of a key that is in the ring no more is a full handshake', 'full',
             'handshake=full reason=unknown_key .*issued=yes', revoke=True, versions=BOTH),
]


class Server:
    def __init__(self, library, ring, options, folder):
        options = [str(folder / 'ca.pem') if option == 'CA' else option for option in options]
        self.process = subprocess.Popen([f'{SERVER}-{library}', '--ring', str(ring), *options],
                                        stdout=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().strip().rpartition(':')[2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=20)

    def said(self):
        return self.process.stdout.readline().strip()


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **more)


class SClient:
    name = 'openssl s_client'
    versions = BOTH

    def meet(self, port, version, hello, session, folder):
        keep = ['-sess_in', str(session)] if session.exists() else ['-sess_out', str(session)]
        if hello.flip is not None:
            flip_in_pem(session, hello.flip, folder)
        command = ['openssl', 's_client', '-connect', f'127.0.0.1:{port}', f'-tls{version.replace(".", "_")}', '-ign_eof',
                   '-servername', hello.name, '-cipher', ':'.join(OPENSSL_NAMES[suite] for suite in hello.suites), *keep]
        if hello.certificate:
            command += ['-cert', str(folder / 'client.pem'), '-key', str(folder / 'client.key')]
        turned_off = [name for name, on in (('ems', hello.ems), ('etm', hello.etm)) if not on]
        done = run(*command, input='hello\n',
                   env={'OPENSSL_CONF': str(folder / f'no_{turned_off[0]}.cnf')} if turned_off else None)
        if re.search('^Reused, ', done.stdout, re.MULTILINE) and 'welcome back, you said: hello' in done.stdout:
            return 'resumed'
        if re.search('^New, TLS', done.stdout, re.MULTILINE) and 'welcome, you said: hello' in done.stdout:
            return 'full'
        return alert_in(done.stderr)


def alert_in(text):
    found = re.search(r'SSL alert number (\d+)', text)
    return {'40': 'handshake_failure'}.get(found.group(1), f'alert {found.group(1)}') if found else 'failed'


def flip_in_pem(session, byte, folder):
    """In OpenSSL's DER the ticket is an OCTET STRING in [10]; stek's tickets here have a length of one or two bytes
    more."""
    file = folder / 'session.der'
    run('openssl', 'sess_id', '-in', str(session), '-outform', 'DER', '-out', str(file))
    der = bytearray(file.read_bytes())
    ticket = re.search(rb'\xaa(\x81.\x04\x81.|\x82..\x04\x82..)', der, re.DOTALL).end()
    der[ticket + byte] ^= 1
    file.write_bytes(der)
    run('openssl', 'sess_id', '-inform', 'DER', '-in', str(file), '-out', str(session))


class SmallClient:
    """Both small clients have the same options but for what they offer."""
    versions = (TLS12,)

    def __init__(self, name, program, offers):
        self.name, self.program, self.offers = name, program, offers

    def meet(self, port, version, hello, session, folder):
        keep = ['--session-in' if session.exists() else '--session-out', str(session)]
        command = [self.program, '--port', port, '--server-name', hello.name, *keep, *self.offers(hello)]
        if hello.flip is not None:
            command += ['--flip', str(hello.flip)]
        if hello.certificate:
            command += ['--cert', str(folder / 'client.pem'), '--key', str(folder / 'client.key')]
        done = run(*command)
        found = re.search(r'handshake=(\w+) alert="?([^"=]*?)"? \w+=', done.stdout)
        if not found:
            return f'nothing: {done.stderr}'
        handshake, alert = found.groups()
        if handshake == 'failed':
            return 'handshake_failure' if alert.lower().startswith('handshake fail') else 'failed'
        welcome = 'welcome back' if handshake == 'resumed' else 'welcome'
        return handshake if f'reply="{welcome}, you said: hello"' in done.stdout else f'another answer: {done.stdout}'


def libssl_offers(hello):
    offers = ['--cipher', ':'.join(OPENSSL_NAMES[suite] for suite in hello.suites)]
    return offers + ([] if hello.ems else ['--no-ems']) + ([] if hello.etm else ['--no-etm'])


def gnutls_offers(hello):
    offers = ['-CIPHER-ALL', *(GNUTLS_NAMES[suite] for suite in hello.suites)]
    offers += ([] if hello.ems else ['%NO_SESSION_HASH']) + ([] if hello.etm else ['%NO_ETM'])
    return ['--priority', ':'.join(offers)]


CLIENTS = [SClient(), SmallClient('libssl', LIBSSL, libssl_offers), SmallClient('GnuTLS', GNUTLS, gnutls_offers)]


def make_files(folder):
    for name, option in (('no_ems', 'ExtendedMasterSecret'), ('no_etm', 'EncryptThenMac')):
        (folder / f'{name}.cnf').write_text('openssl_conf = o\n[o]\nssl_conf = s\n[s]\nsystem_default = d\n'
                                            f'[d]\nOptions = -{option}\n')
    new_key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
    for command in (
            ['req', '-x509', *new_key, '-subj', '/CN=ca', '-keyout', 'ca.key', '-out', 'ca.pem'],
            ['req', *new_key[:-2], '-subj', '/CN=client', '-keyout', 'client.key', '-out', 'client.csr'],
            ['x509', '-req', '-in', 'client.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2',
             '-out', 'client.pem']):
        subprocess.run(['openssl', *command], cwd=folder, check=True, capture_output=True)


def make_ring(ring, schedule=()):
    ring.unlink(missing_ok=True)
    made = run(STEK, 'keys', 'init', '--profile', 'rfc5077', '--ring', f'file:{ring}', *schedule)
    assert made.returncode == 0, made.stderr


def rotate(ring):
    time.sleep(1)  # a ring counts whole seconds, and a key seals for one at least
    rotated = run(STEK, 'keys', 'rotate', '--force', '--yes', '--ring', f'file:{ring}')
    assert rotated.returncode == 0, rotated.stderr


def play(scenario, version, issuer, acceptor, client, folder):
    """What is wrong, or nothing."""
    ring, session = folder / 'ring.json', folder / 'session'
    session.unlink(missing_ok=True)
    make_ring(ring, scenario.schedule)
    with Server(issuer, ring, scenario.server, folder) as server:
        saw = client.meet(server.port, version, scenario.first, session, folder)
        said = server.said()
        if saw != 'full' or 'issued=yes' not in said:
            return f'the first handshake: client {saw}, server {said}'
    time.sleep(scenario.wait)
    if scenario.rotate:
        rotate(ring)
    if scenario.revoke:
        make_ring(ring)
    with Server(acceptor, ring, scenario.next_server, folder) as server:
        saw = client.meet(server.port, version, scenario.again, session, folder)
        said = server.said()
    if saw != scenario.saw and not (scenario.saw == 'failed' and saw not in ('resumed', 'full')):
        return f'the client saw {saw} and not {scenario.saw}; server: {said}'
    if not re.match(scenario.said, said):
        return f'the server said {said} and not {scenario.said}'
    return None


def pairs(scenario, version):
    libraries = [library for library in LIBRARIES
                 if library in scenario.libraries and (version == TLS12 or library != 'mbedtls')]
    return itertools.product(libraries, libraries)


def cases():
    for scenario in SCENARIOS:
        for version in scenario.versions:
            for issuer, acceptor in pairs(scenario, version):
                for client in CLIENTS:
                    if version in client.versions:
                        yield scenario, version, issuer, acceptor, client


def play_tls13_client(folder):
    """How many of its scenarios were played, and how many failed."""
    ring = folder / 'ring.json'
    make_ring(ring)
    with Server('openssl', ring, (), folder) as server:
        done = run('/usr/bin/python3', '-B', str(Path(__file__).with_name('tls13_client.py')), server.port)
    print(done.stdout, done.stderr, end='')
    passed, failed = map(int, re.search(r'(\d+) passed, (\d+) failed', done.stdout).groups())
    return passed + failed, failed


def main():
    checks = failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder)
        for scenario, version, issuer, acceptor, client in cases():
            wrong = play(scenario, version, issuer, acceptor, client, folder)
            checks += 1
            failed += wrong is not None
            print(f'{"FAIL" if wrong else "ok  "} {issuer:>7} -> {acceptor:7} TLS {version}  {scenario.rule} '
                  f'({client.name})', *([wrong] if wrong else []), flush=True)
        if 'openssl' in LIBRARIES:
            more = play_tls13_client(folder)
            checks, failed = checks + more[0], failed + more[1]
    print(f'{checks} checks on the wire, {failed} failed')
    sys.exit(1 if failed else 0)


main()
