"""Resumption on the wire: the demo server, and three clients that know nothing of each other's sessions.

    wire.py STEK SERVER LIBSSL_CLIENT GNUTLS_CLIENT

Each scenario takes a ticket from one server and offers it to the next, which may have other options; what the client
saw and what the server says have to be as expected. The clients: `openssl s_client`, tools/demo/client.cpp on libssl,
tests/interop/gnutls_client.cpp on GnuTLS.
"""

import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

STEK, SERVER, LIBSSL, GNUTLS = (str(Path(name).resolve()) for name in sys.argv[1:5])
GCM128 = 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'
GCM256 = 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'
OPENSSL_NAMES = {GCM128: 'ECDHE-ECDSA-AES128-GCM-SHA256', GCM256: 'ECDHE-ECDSA-AES256-GCM-SHA384'}
GNUTLS_NAMES = {GCM128: '+AES-128-GCM', GCM256: '+AES-256-GCM'}
BRIEF = ['--lead', '1s', '--sealing', '120s', '--accepting', '3s', '--lifetime', '1s', '--skew', '1s']


@dataclass
class Hello:
    """What a client says, in no library's words."""
    name: str = 'localhost'
    suites: tuple = (GCM128, GCM256)
    ems: bool = True
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


SCENARIOS = [
    Scenario('12.19 everything the same resumes', 'resumed', 'handshake=resumed reason=resumes'),
    Scenario('12.12 another server name is a full handshake', 'full', 'handshake=full reason=server_name_differs',
             again=Hello(name='other.example')),
    Scenario('12.13 a server name in other case resumes', 'resumed', 'handshake=resumed reason=resumes',
             again=Hello(name='LocalHost')),
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
    Scenario('12.30 client authentication demanded since is a full handshake', 'full',
             'handshake=full reason=identity_missing', again=Hello(certificate=True), next_server=('--client-ca', 'CA')),
    Scenario('12.30 and never a way around it', 'failed', 'handshake=failed', next_server=('--client-ca', 'CA')),
    Scenario('12.3 an altered ticket is a full handshake', 'full', 'handshake=full reason=altered',
             again=Hello(flip=100)),
    Scenario('12.3 a ticket under a name that nobody has is a full handshake', 'full',
             'handshake=full reason=unknown_key', again=Hello(flip=0)),
    Scenario('12.4 an expired ticket is a full handshake', 'full', 'handshake=full reason=ticket_expired',
             schedule=BRIEF, wait=2.1),
]


class Server:
    def __init__(self, ring, options, folder):
        options = [str(folder / 'ca.pem') if option == 'CA' else option for option in options]
        self.process = subprocess.Popen([SERVER, '--ring', str(ring), *options], stdout=subprocess.PIPE, text=True)
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

    def meet(self, port, hello, session, folder):
        keep = ['-sess_in', str(session)] if session.exists() else ['-sess_out', str(session)]
        if hello.flip is not None:
            flip_in_pem(session, hello.flip, folder)
        command = ['openssl', 's_client', '-connect', f'127.0.0.1:{port}', '-tls1_2', '-ign_eof', '-servername',
                   hello.name, '-cipher', ':'.join(OPENSSL_NAMES[suite] for suite in hello.suites), *keep]
        if hello.certificate:
            command += ['-cert', str(folder / 'client.pem'), '-key', str(folder / 'client.key')]
        done = run(*command, input='hello\n', env=None if hello.ems else {'OPENSSL_CONF': str(folder / 'no_ems.cnf')})
        if re.search('^Reused, ', done.stdout, re.MULTILINE):
            return 'resumed'
        if re.search('^New, TLS', done.stdout, re.MULTILINE) and 'welcome' in done.stdout:
            return 'full'
        return alert_in(done.stderr)


def alert_in(text):
    found = re.search(r'SSL alert number (\d+)', text)
    return {'40': 'handshake_failure'}.get(found.group(1), f'alert {found.group(1)}') if found else 'failed'


def flip_in_pem(session, byte, folder):
    """In OpenSSL's DER the ticket is an OCTET STRING in [10]; stek's tickets here have a length of one byte more."""
    file = folder / 'session.der'
    run('openssl', 'sess_id', '-in', str(session), '-outform', 'DER', '-out', str(file))
    der = bytearray(file.read_bytes())
    ticket = re.search(rb'\xaa\x81.\x04\x81.', der, re.DOTALL).end()
    der[ticket + byte] ^= 1
    file.write_bytes(der)
    run('openssl', 'sess_id', '-inform', 'DER', '-in', str(file), '-out', str(session))


class SmallClient:
    """Both small clients have the same options but for the suites."""

    def __init__(self, name, program, suites):
        self.name, self.program, self.suites = name, program, suites

    def meet(self, port, hello, session, folder):
        keep = ['--session-in' if session.exists() else '--session-out', str(session)]
        command = [self.program, '--port', port, '--server-name', hello.name, *keep, *self.suites(hello)]
        if hello.flip is not None:
            command += ['--flip', str(hello.flip)]
        if hello.certificate:
            command += ['--cert', str(folder / 'client.pem'), '--key', str(folder / 'client.key')]
        done = run(*command)
        found = re.search(r'handshake=(\w+) alert="?([^"=]*?)"? \w+=', done.stdout)
        if not found:
            return f'nothing: {done.stderr}'
        handshake, alert = found.groups()
        if handshake != 'failed':
            return handshake
        return 'handshake_failure' if alert.lower().startswith('handshake fail') else 'failed'


def libssl_options(hello):
    suites = ['--cipher', ':'.join(OPENSSL_NAMES[suite] for suite in hello.suites)]
    return suites if hello.ems else suites + ['--no-ems']


def gnutls_options(hello):
    suites = [GNUTLS_NAMES[suite] for suite in hello.suites]
    return ['--priority', ':'.join(['-CIPHER-ALL', *suites, *([] if hello.ems else ['%NO_SESSION_HASH'])])]


CLIENTS = [SClient(), SmallClient('libssl', LIBSSL, libssl_options), SmallClient('GnuTLS', GNUTLS, gnutls_options)]


def make_files(folder):
    (folder / 'no_ems.cnf').write_text('openssl_conf = o\n[o]\nssl_conf = s\n[s]\nsystem_default = d\n'
                                       '[d]\nOptions = -ExtendedMasterSecret\n')
    new_key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
    for command in (
            ['req', '-x509', *new_key, '-subj', '/CN=ca', '-keyout', 'ca.key', '-out', 'ca.pem'],
            ['req', *new_key[:-2], '-subj', '/CN=client', '-keyout', 'client.key', '-out', 'client.csr'],
            ['x509', '-req', '-in', 'client.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2',
             '-out', 'client.pem']):
        subprocess.run(['openssl', *command], cwd=folder, check=True, capture_output=True)


def play(scenario, client, folder):
    """What is wrong, or nothing."""
    ring, session = folder / 'ring.json', folder / 'session'
    for old in (ring, session):
        old.unlink(missing_ok=True)
    made = run(STEK, 'keys', 'init', '--ring', f'file:{ring}', *scenario.schedule)
    assert made.returncode == 0, made.stderr
    with Server(ring, scenario.server, folder) as server:
        saw = client.meet(server.port, scenario.first, session, folder)
        said = server.said()
        if saw != 'full' or 'issued=yes' not in said:
            return f'the first handshake: client {saw}, server {said}'
    time.sleep(scenario.wait)
    with Server(ring, scenario.next_server, folder) as server:
        saw = client.meet(server.port, scenario.again, session, folder)
        said = server.said()
    if saw != scenario.saw and not (scenario.saw == 'failed' and saw not in ('resumed', 'full')):
        return f'the client saw {saw} and not {scenario.saw}; server: {said}'
    if not re.match(scenario.said, said.replace('-', '_')):
        return f'the server said {said} and not {scenario.said}'
    return None


def main():
    checks = failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder)
        for scenario in SCENARIOS:
            for client in CLIENTS:
                wrong = play(scenario, client, folder)
                checks += 1
                failed += wrong is not None
                print(f'{"FAIL" if wrong else "ok  "} {scenario.rule} ({client.name})', *([wrong] if wrong else []))
    print(f'{checks} checks on the wire, {failed} failed')
    sys.exit(1 if failed else 0)


main()
