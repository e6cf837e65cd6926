"""What is left in stekd of what it has seen: remains.py STEKD STEK NEEDLES

Sessions, opaque bytes, and requests that are wrong pass through a daemon, every secret its own; keys are rotated and the
configuration is read again. Then none of these secrets and no STEK is in its memory, in a core of it, or in its log, and
in the core no key of a domain either; in memory those of live keys are, by design, unless the kernel hides them.

That the scan finds what there is, is shown by what it has to find: the secret of a request that is only half there.
"""

import json
import os
import secrets
import shutil
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from daemon import (BYTES, HELLO, JSON, SESSION, SESSION13, Connection, Stekd, ask, check, decoded, encoded, get,  # noqa: E402
                    hello_bytes, post, raw, rest_of, run)
from scan import REGISTERS, Pieces, Region, core_of, writable_memory  # noqa: E402
from scan import run as output_of  # noqa: E402

NEEDLES = sys.argv[3]
SKIPPED = 77
TURNS, ROUNDS = 3, 20


class Seen:
    """Secrets that a daemon was given, by what they were."""

    def __init__(self):
        self.needles = []

    def secret(self, what, size):
        self.needles.append((what, secrets.token_bytes(size)))
        return self.needles[-1][1]


def traffic(stekd, seen):
    connections = [Connection(stekd.shop) for _ in range(4)]
    for turn in range(ROUNDS):
        connection = connections[turn % len(connections)]
        sessions(connection, seen)
        opaque(connection, seen)
    wrong_ones(stekd, seen)
    # What an open connection keeps is looked at too.
    return connections


def sessions(connection, seen):
    def resume(ticket, hello):
        answer = ask(connection, 'POST', '/v1/resume', json.dumps({'ticket': ticket, 'hello': hello}), JSON)
        return answer.json['verdict']['outcome'] == 'resume'

    master, psk = seen.secret('master secret', 48), seen.secret('PSK', 32)
    data = seen.secret('application data', 64)
    session = {**SESSION, 'secret': master.hex(), 'application_data': data.hex()}
    tickets = ask(connection, 'POST', '/v1/issue?count=2', json.dumps(session), JSON).json['tickets']
    check(resume(tickets[0], HELLO), 'JSON resumes')
    state = ask(connection, 'POST', '/v1/resume', struct.pack('>H', len(decoded(tickets[1]))) + decoded(tickets[1]) + hello_bytes(),
                BYTES).body[28 + len('resumes'):]
    check(master in state, 'bytes resume')
    check(ask(connection, 'POST', '/v1/issue', state, BYTES).status == 200, 'and are issued anew')
    ticket = ask(connection, 'POST', '/v1/issue', json.dumps({**SESSION13, 'secret': psk.hex()}), JSON).json['ticket']
    check(not resume(ticket, HELLO), 'a session of TLS 1.3 that does not resume')
    check(not resume(tickets[0], {**HELLO, 'server_name': 'other.example'}), 'nor one under another name')


def opaque(connection, seen):
    data = seen.secret('opaque bytes', 200)
    ticket = ask(connection, 'POST', '/v1/seal', json.dumps({'label': 'pike/1', 'data': encoded(data)}), JSON).json['ticket']
    opened = ask(connection, 'POST', '/v1/open', json.dumps({'label': 'pike/1', 'ticket': ticket}), JSON).json
    check(decoded(opened['data']) == data, 'opaque bytes come back')
    data = seen.secret('opaque bytes', 200)
    sealed = ask(connection, 'POST', '/v1/seal', b'\6pike/1' + data, BYTES).body[6:]
    check(ask(connection, 'POST', '/v1/open', b'\6pike/1' + sealed, BYTES).body.endswith(data), 'in bytes too')


def wrong_ones(stekd, seen):
    """Each of them with a secret."""
    def session(**more):
        return json.dumps({**SESSION, 'secret': seen.secret('secret of a wrong one', 48).hex(), **more})

    whole = session()
    for body, status in ((whole[:-1], 400), (whole + 'x', 400), (session(domain='blog'), 400), (session(cipher_suite='none'), 400),
                         (session(extended_master_secret=False), 422), (session(server_name=7), 400),
                         (json.dumps({**SESSION, seen.secret('name', 48).hex(): 1}), 400),
                         (json.dumps({**SESSION, 'version': seen.secret('version', 48).hex()}), 400),
                         (json.dumps({**SESSION, 'secret': seen.secret('secret that is too long', 64).hex()}), 400)):
        answer = post(stekd.shop, '/v1/issue', body.encode(), BYTES + ' ')
        check(answer.status in (400, 415), f'as bytes: {answer.status}')
        connection = Connection(stekd.shop)
        answer = ask(connection, 'POST', '/v1/issue', body, JSON)
        connection.close()
        check(answer.status == status or answer.status in (400, 422), f'{body[:40]}: {answer.status}')
        check(not any(secret.hex().encode() in answer.body for _, secret in seen.needles), 'no secret comes back in a problem')
    half = whole.encode()
    head = b'POST /v1/issue HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
    for data in (head + b'Content-Length: 70000\r\n\r\n' + session().encode(), head + b'Content-Length: 999\r\n\r\n' + session().encode(),
                 head + b'Transfer-Encoding: chunked\r\n\r\n200\r\n' + session().encode(),
                 head + b'X: ' + seen.secret('header', 48).hex().encode() + b'\r\nX\r\n\r\n' + half,
                 b'POST /' + seen.secret('target', 48).hex().encode() + b' HTTP/1.1\r\nHost: x\r\n\r\n',
                 seen.secret('no HTTP', 200)):
        with raw(stekd.shop) as connection:
            connection.sendall(data)
            connection.shutdown(1)
            rest_of(connection)


def half_there(stekd, seen):
    """A request that is waited for, and its secret."""
    secret = seen.secret('half there', 48)
    connection = raw(stekd.shop)
    connection.sendall(b'POST /v1/issue HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n' +
                       json.dumps({**SESSION, 'secret': secret.hex()}).encode())
    return connection


def keys_of(rings):
    """What NEEDLES derives of every key that there was: STEKs, and of both domains what comes of them."""
    lines = output_of(NEEDLES, '2', 'shop,blog', *rings).splitlines()
    check(sum(line.startswith('key ') for line in lines) > TURNS, 'each rotation gave a key')
    return [(name, bytes.fromhex(text)) for name, text in (line.split() for line in lines if not line.startswith('key '))]


def nothing_remains(folder, profile):
    stekd = Stekd(folder, top='deadline = "60s"', env={'LD_BIND_NOW': '1'}, schedule=['--profile', profile])
    rings, seen, waiting = [], Seen(), Seen()
    connections = []
    for turn in range(TURNS):
        rings.append(folder / f'ring.{turn}')
        shutil.copy(stekd.ring, rings[-1])
        connections += traffic(stekd, seen)
        # A key is promoted once a second.
        time.sleep(1.1)
        check(post(stekd.admin, '/v1/rotate?force', '', None).status == 200, 'it rotates')
        check(stekd.reload(), 'and reads its configuration again')
    rings.append(folder / 'ring.last')
    shutil.copy(stekd.ring, rings[-1])
    # The last words of each thread are not wiped by anyone; these are nobody's secrets.
    for _ in range(20):
        get(stekd.shop, '/')
        get(stekd.admin, '/healthz')
    kept = half_there(stekd, waiting)
    get(stekd.shop, '/')

    core, memory = core_of(stekd.process.pid, folder), writable_memory(stekd.process.pid)
    log = Region('log', 0, stekd.log().encode())
    keys = keys_of(rings)
    if not core:
        stekd.stop()
        print('gcore is missing: install gdb')
        sys.exit(SKIPPED)
    places = {'core': core, 'memory': memory, 'log': [log]}
    for what, needles in (('secrets', seen.needles), ('keys', keys), ('half there', waiting.needles)):
        pieces = Pieces(needles)
        for place, regions in places.items():
            hits = [hit for region in regions for hit in pieces.found_in(region) if region.name != REGISTERS]
            size = sum(len(region.bytes) for region in regions)
            found = sorted({hit.needle for hit in hits})
            print(f'{profile}, {what}: {len(needles)} in {len(pieces):,} pieces, in {size:,} bytes of the {place}: {len(hits)} {found}')
            judge(what, place, hits, found)
    for connection in [*connections, kept]:
        connection.close()
    check(stekd.stop() == 0, 'it ends well')


def with_aes(folder):
    nothing_remains(folder, 'aes256gcm')


def with_xchacha(folder):
    nothing_remains(folder, 'xchacha20poly1305')


def as_rfc5077_has_it(folder):
    nothing_remains(folder, 'rfc5077')


def judge(what, place, hits, found):
    if what == 'half there':
        return check(bool(hits) == (place != 'log'), f'what is half there is found in the {place}, and is not logged')
    if what == 'keys' and place == 'memory':
        return check('STEK' not in found, 'no STEK is in memory')
    for hit in hits[:10]:
        check(False, f'in the {place}: {hit}')
    check(not hits, f'none of the {what} is in the {place}')


if os.geteuid() != 0:
    print('only root looks into a process that is closed to its own user')
    sys.exit(SKIPPED)
run(with_aes, with_xchacha, as_rfc5077_has_it)
