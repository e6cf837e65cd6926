"""The rules of resumption on the wire, for every pair of an issuer and an acceptor and every client: a client meets one server,
then another over the same ring, which is built on another TLS library or has other options. What the client saw, what the
server says and what it answers have to be as expected. In TLS 1.3 tls13_client.py plays its own scenarios beside them.

    wire.py STEK --server openssl=PROGRAM ... --client libssl=PROGRAM ...
"""

import itertools
import re
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from peers import BOTH, CBC, GCM128, GCM256, LIBRARIES, TLS12, TLS13, Hello, run, stage_from

BRIEF = ('--lead', '1s', '--sealing', '120s', '--accepting', '3s', '--lifetime', '1s', '--skew', '1s')


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
    needs: tuple = ()  # of both libraries
    issuer_needs: tuple = ()
    long_ticket: bool = False
    ticket: bool = True  # the first server issues one; without, there is no second meeting


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
             server=('--cipher-suite', f'{GCM128},{GCM256}'), next_server=('--cipher-suite', f'{GCM256},{GCM128}'),
             needs=('keeps_suite',)),
    Scenario('12.22 a CBC suite with encrypt-then-MAC resumes', 'resumed', 'handshake=resumed .*AES_128_CBC',
             first=Hello(suites=(CBC,)), again=Hello(suites=(CBC,)), needs=('encrypt_then_mac',)),
    Scenario('12.22 a CBC suite with MAC-then-encrypt resumes', 'resumed', 'handshake=resumed .*AES_128_CBC',
             first=Hello(suites=(CBC,), etm=False), again=Hello(suites=(CBC,), etm=False), needs=('cbc',)),
    Scenario('12.20 encrypt-then-MAC is not given up', 'full', 'handshake=full reason=encrypt_then_mac_missing',
             first=Hello(suites=(CBC,)), again=Hello(suites=(CBC,), etm=False), needs=('encrypt_then_mac',)),
    Scenario('12.21 encrypt-then-MAC is not left out', 'full', 'handshake=full reason=encrypt_then_mac_added',
             first=Hello(suites=(CBC,), etm=False), again=Hello(suites=(CBC,)), needs=('encrypt_then_mac',)),
    Scenario('12.30 client authentication demanded since is a full handshake', 'full',
             'handshake=full reason=identity_missing', again=Hello(certificate=True), next_server=('--client-ca', 'CA'),
             versions=BOTH),
    Scenario('12.30 and never a way around it', 'failed', 'handshake=failed', next_server=('--client-ca', 'CA')),
    Scenario('12.30 a client is known again by its certificate, in its context', 'resumed', 'handshake=resumed reason=resumes',
             first=Hello(certificate=True), server=('--client-ca', 'CA', '--context', 'one'),
             next_server=('--client-ca', 'CA', '--context', 'one'), versions=BOTH, needs=('certificates',)),
    Scenario('12.30 and in no other, whoever is asked', 'full', 'handshake=full reason=context_differs',
             first=Hello(certificate=True), again=Hello(certificate=True),
             server=('--client-ca', 'CA', '--context', 'one'), next_server=('--client-ca', 'CA', '--context', 'two'),
             versions=BOTH, issuer_needs=('certificates',), long_ticket=True),
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
    Scenario('12.18 without extended master secret there is no ticket', 'full', 'handshake=full .*issued=no',
             first=Hello(ems=False), ticket=False),
    Scenario('12.30 nor is there for a client with a certificate, without a context', 'full', 'handshake=full .*issued=no',
             first=Hello(certificate=True), server=('--client-ca', 'CA'), versions=BOTH, ticket=False),
    Scenario('a ticket of a key that was revoked is a full handshake', 'full',
             'handshake=full reason=unknown_key .*issued=yes', revoke=True, versions=BOTH),
]

def expected_of(scenario, version, acceptor):
    """What the client sees, and what the server says, where it cannot see or say all."""
    saw, said = scenario.saw, scenario.said
    if version not in acceptor.renews:
        said = said.replace('renewed=yes', 'renewed=no')
    if not acceptor.tickets_after_refusal:
        said = said.replace('issued=yes', 'issued=no')
    if scenario.long_ticket and not acceptor.takes_long_tickets and version == TLS12:
        saw, said = 'failed', 'handshake=failed'
    if not acceptor.hello and saw == 'handshake_failure':
        saw, said = 'failed', 'handshake=failed'  # the library's own alert
    if not acceptor.hello:
        said = re.sub(r'reason=\S+', r'reason=\\S+', said)
    return saw, said


def first_hello(scenario, acceptor):
    """Where the acceptor does not keep the suite, the issuer has no other to select."""
    return scenario.first if acceptor.keeps_suite else replace(scenario.first, suites=scenario.first.suites[:1])


def play(stage, case, folder):
    """What is wrong, or nothing."""
    scenario, version, issuer, acceptor, client = case
    ring, session = folder / 'ring.json', folder / 'session'
    stage.make_ring(ring, scenario.schedule)
    with stage.server(issuer, ring, scenario.server) as server:
        saw = client.meet(server.port, version, first_hello(scenario, acceptor), session, stage.files)
        said = server.said()
    if not scenario.ticket:
        return difference(scenario.saw, scenario.said, saw, said)
    if saw != 'full' or 'issued=yes' not in said:
        return f'the first handshake: client {saw}, server {said}'
    time.sleep(scenario.wait)
    if scenario.rotate:
        stage.rotate(ring)
    if scenario.revoke:
        stage.revoke(ring)
    with stage.server(acceptor, ring, scenario.next_server) as server:
        saw = client.meet(server.port, version, scenario.again, session, stage.files)
        said = server.said()
    return difference(*expected_of(scenario, version, acceptor), saw, said)


def difference(to_see, to_say, saw, said):
    if saw != to_see and not (to_see == 'failed' and saw not in ('resumed', 'full')):
        return f'the client saw {saw} and not {to_see}; server: {said}'
    if not re.match(to_say, said):
        return f'the server said {said} and not {to_say}'
    return None


def can(library, needs):
    return all(getattr(library, need) for need in needs)


def cases(stage):
    for scenario in SCENARIOS:
        for version in scenario.versions:
            acceptors = [library for library in stage.libraries if version in library.versions and can(library, scenario.needs)]
            issuers = [library for library in acceptors if can(library, scenario.issuer_needs)]
            pairs = itertools.product(issuers, acceptors) if scenario.ticket else [(issuer, issuer) for issuer in issuers]
            for (issuer, acceptor), client in itertools.product(pairs, stage.clients):
                refused = scenario.ticket and scenario.saw != 'resumed'
                if version in client.versions and (client.takes_refusal or not refused):
                    yield scenario, version, issuer, acceptor, client


def play_tls13_client(stage, library):
    """How many of its scenarios were played, and how many failed."""
    ring = stage.files / 'ring.json'
    stage.make_ring(ring)
    with stage.server(library, ring) as server:
        done = run('/usr/bin/python3', '-B', str(Path(__file__).with_name('tls13_client.py')), server.port)
    print(done.stdout, done.stderr, end='')
    passed, failed = map(int, re.search(r'(\d+) passed, (\d+) failed', done.stdout).groups())
    return passed + failed, failed


def main():
    stage, _ = stage_from(__doc__)
    checks = failed = 0
    played = list(cases(stage))
    for (scenario, version, issuer, acceptor, client), wrong in zip(
            played, stage.play_all(lambda case, folder: play(stage, case, folder), played)):
        checks += 1
        failed += wrong is not None
        print(f'{"FAIL" if wrong else "ok  "} {issuer.name:>9} -> {acceptor.name:9} TLS {version}  {scenario.rule} '
              f'({client.name})', *([wrong] if wrong else []), flush=True)
    if LIBRARIES['openssl'] in stage.libraries:
        more = play_tls13_client(stage, LIBRARIES['openssl'])
        checks, failed = checks + more[0], failed + more[1]
    print(f'{checks} checks on the wire, {failed} failed')
    sys.exit(1 if failed else 0)


main()
