"""A TLS 1.3 client that says what no stock client says: several tickets in one hello, altered, in any order, over a
HelloRetryRequest too. Written from RFC 8446; every section named below is one of it.

    tls13_client.py PORT [--expect-stock] [--suites 1301,1302]

plays its scenarios against a server on this machine that answers a line with a line: `openssl s_server -rev`, or stek's
demo server. --expect-stock expects what OpenSSL does by itself where stek is stricter; --suites says which are offered,
by preference. With `handshake`, other tests say what they like.

It is for tests only: it takes any certificate, and neither looks at the signature nor sends alerts of its own, nor has
it a certificate. It does check the server's Finished, which nobody computes without the PSK that was selected.
"""

import argparse
import contextlib
import hashlib
import hmac
import os
import random
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from Cryptodome.Cipher import AES
from Cryptodome.PublicKey import ECC

AES128, AES256 = 0x1301, 0x1302
HASHES = {AES128: 'sha256', AES256: 'sha384'}
KEY_SIZES = {AES128: 16, AES256: 32}

# Appendix B.1 to B.3. A group of those for private use is one that no server takes.
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET, ENCRYPTED_EXTENSIONS = 1, 2, 4, 8
CERTIFICATE, CERTIFICATE_VERIFY, FINISHED, MESSAGE_HASH = 11, 15, 20, 254
SERVER_NAME, SUPPORTED_GROUPS, SIGNATURE_ALGORITHMS, ALPN = 0, 10, 13, 16
PRE_SHARED_KEY, EARLY_DATA, SUPPORTED_VERSIONS, COOKIE, PSK_MODES, KEY_SHARE = 41, 42, 43, 44, 45, 51
SECP256R1, PRIVATE_GROUP = 0x0017, 0xFE00
SIGNATURES = (0x0403, 0x0503, 0x0804, 0x0805, 0x0807)
PSK_KE, PSK_DHE_KE = 0, 1
RETRY_RANDOM = hashlib.sha256(b'HelloRetryRequest').digest()  # 4.1.3
TIMEOUT = 5


class Broken(Exception):
    """The server breaks the protocol, or falls silent."""


class FatalAlert(Exception):
    def __init__(self, number):
        super().__init__(f'alert {number}')
        self.number = number


@dataclass
class Ticket:
    identity: bytes
    psk: bytes
    suite: int
    age_add: int
    lifetime: int
    received: float
    max_early_data: int = 0


@dataclass
class Outcome:
    alert: int | None = None  # received
    selected_identity: int | None = None  # among those of the last hello; None is a full handshake
    hello_retry: bool = False
    suite: int | None = None
    tickets: list[Ticket] = field(default_factory=list)
    answer: bytes = b''
    alpn: bytes | None = None


def handshake(port, tickets=(), *, host='127.0.0.1', server_name='localhost', suites=(AES128, AES256),
              shares=(SECP256R1,), psk_modes=(PSK_DHE_KE,), psk_last=True, alpn=(), say=b'hello\n'):
    """Offers `tickets` in this order, says a line, and takes the answer and all tickets until the server closes.

    A ticket with another `psk` than its own has a wrong binder. `shares` are the groups of the key shares: () or
    (PRIVATE_GROUP,) makes the server ask again, and as 4.1.4 says the second hello then leaves out tickets of another
    hash. Of `server_name` and `psk_modes`, None leaves the extension out; `psk_last` False puts pre_shared_key where it
    must not stand. Raises Broken, or OSError.
    """
    hello = Hello(list(tickets), server_name, suites, shares, psk_modes, psk_last, alpn)
    outcome = Outcome()
    with Wire(host, port) as wire:
        try:
            talk(wire, say, outcome, negotiate(wire, hello, outcome))
        except FatalAlert as alert:
            outcome.alert = alert.number
    return outcome


def demand(condition, wrong):
    if not condition:
        raise Broken(wrong)


# Bytes


def number(value, size):
    return value.to_bytes(size, 'big')


def vector(size, data):
    return number(len(data), size) + data


def numbers(size, values):
    return b''.join(number(value, size) for value in values)


def message(kind, body):
    return number(kind, 1) + vector(3, body)


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, size):
        demand(size <= len(self.data), 'a message is cut off')
        head, self.data = self.data[:size], self.data[size:]
        return head

    def number(self, size):
        return int.from_bytes(self.take(size), 'big')

    def vector(self, size):
        return self.take(self.number(size))

    def extensions(self):
        """The last of a message, by type."""
        inner, found = Reader(self.vector(2)), {}
        demand(not self.data, 'something stands behind the extensions')
        while inner.data:
            kind = inner.number(2)
            demand(kind not in found, f'extension {kind} twice')
            found[kind] = inner.vector(2)
        return found


# The key schedule, 7.1


def expand_label(name, secret, label, context, size):
    info = number(size, 2) + vector(1, b'tls13 ' + label) + vector(1, context)
    # HKDF-Expand of RFC 5869 in one step, as nothing here is longer than its hash.
    return hmac.digest(secret, info + b'\1', name)[:size]


class Schedule:
    def __init__(self, suite, psk=None):
        self.suite, self.name = suite, HASHES[suite]
        self.size = hashlib.new(self.name).digest_size
        self.secret = hmac.digest(bytes(self.size), psk or bytes(self.size), self.name)

    def hash(self, messages):
        return hashlib.new(self.name, messages).digest()

    def derive(self, label, messages):
        return expand_label(self.name, self.secret, label, self.hash(messages), self.size)

    def advance(self, key=None):
        self.secret = hmac.digest(self.derive(b'derived', b''), key or bytes(self.size), self.name)

    def finished(self, secret, messages):
        """4.4.4; of a binder too, by 4.2.11.2."""
        key = expand_label(self.name, secret, b'finished', b'', self.size)
        return hmac.digest(key, self.hash(messages), self.name)

    def after_retry(self, hello):
        """4.4.1: what stands for the first ClientHello in the transcript."""
        return message(MESSAGE_HASH, self.hash(hello))


# Records, 5


class Protection:
    """Of one direction, 5.2 and 5.3."""

    def __init__(self, schedule, secret):
        self.key = expand_label(schedule.name, secret, b'key', b'', KEY_SIZES[schedule.suite])
        self.iv = int.from_bytes(expand_label(schedule.name, secret, b'iv', b'', 12), 'big')
        self.count = 0

    def cipher(self, head):
        cipher = AES.new(self.key, AES.MODE_GCM, nonce=number(self.iv ^ self.count, 12))
        cipher.update(head)
        self.count += 1
        return cipher

    def seal(self, kind, data):
        head = struct.pack('>BHH', APPLICATION_DATA, 0x0303, len(data) + 17)
        return head + b''.join(self.cipher(head).encrypt_and_digest(data + number(kind, 1)))

    def open(self, head, body):
        try:
            inner = self.cipher(head).decrypt_and_verify(body[:-16], body[-16:]).rstrip(b'\0')
        except ValueError:
            raise Broken('a record does not decrypt') from None
        demand(inner, 'a record of padding only')
        return inner[-1], inner[:-1]


class Wire:
    """Whole handshake messages, and the data of other records. One deadline for all of it: no server can drip."""

    def __init__(self, host, port):
        self.deadline = time.monotonic() + TIMEOUT
        self.socket = socket.create_connection((host, port), TIMEOUT)
        self.reading = self.writing = None
        self.part = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, kind, data):
        record = self.writing.seal(kind, data) if self.writing else struct.pack('>BHH', kind, 0x0303, len(data)) + data
        self.socket.sendall(record)

    def read(self, protection):
        demand(not self.part, 'a message goes on under other keys')  # 5.1
        self.reading = protection

    def bytes(self, size):
        """None at the end of the connection."""
        data = b''
        while len(data) < size:
            left = self.deadline - time.monotonic()
            demand(left > 0, f'the server is silent, or not done in {TIMEOUT} s')
            self.socket.settimeout(left)
            try:
                more = self.socket.recv(size - len(data))
            except TimeoutError:
                continue
            except ConnectionResetError:
                more = b''
            if not more:
                return None
            data += more
        return data

    def record(self):
        """Its type and data, or (None, b'') at the end of the connection."""
        while True:
            head = self.bytes(5)
            body = head and self.bytes(int.from_bytes(head[3:], 'big'))
            if body is None:
                return None, b''
            # Appendix D.4: for middleboxes, and in the clear.
            if head[0] == CHANGE_CIPHER_SPEC:
                demand(body == b'\1', 'a ChangeCipherSpec that is none')
                continue
            if not self.reading:
                return head[0], body
            demand(head[0] == APPLICATION_DATA, 'a record in the clear')
            return self.reading.open(head, body)

    def next(self):
        """As `record`, but of handshake messages a whole one, and close_notify is the end."""
        while len(self.part) < 4 or len(self.part) < 4 + int.from_bytes(self.part[1:4], 'big'):
            kind, data = self.record()
            if kind == ALERT:
                demand(len(data) == 2, 'an alert that is none')
                if data[1] == 0:  # close_notify
                    return None, b''
                raise FatalAlert(data[1])
            if kind != HANDSHAKE:
                demand(not self.part, 'a message breaks off')
                return kind, data
            self.part += data
        size = 4 + int.from_bytes(self.part[1:4], 'big')
        whole, self.part = self.part[:size], self.part[size:]
        return HANDSHAKE, whole

    def message(self, expected):
        kind, whole = self.next()
        demand(kind is not None, f'closed without an alert, where handshake message {expected} was due')
        demand(kind == HANDSHAKE and whole[0] == expected,
               f'record {kind} with {whole[:1].hex()}, where handshake message {expected} was due')
        return whole


# The handshake


class Hello:
    """The ClientHello; `fit` makes the second out of the first."""

    def __init__(self, tickets, server_name, suites, shares, psk_modes, psk_last, alpn):
        self.tickets, self.server_name, self.suites, self.shares = tickets, server_name, suites, shares
        self.psk_modes, self.psk_last, self.alpn = psk_modes, psk_last, alpn
        self.random, self.key, self.cookie = os.urandom(32), ECC.generate(curve='P-256'), None

    def extensions(self):
        point = self.key.pointQ
        public = {SECP256R1: b'\4' + number(int(point.x), 32) + number(int(point.y), 32), PRIVATE_GROUP: bytes(32)}
        # 4.2.8: shares are of supported groups, in their order. None at all asks for a HelloRetryRequest.
        shares = b''.join(number(group, 2) + vector(2, public[group]) for group in self.shares)
        yield SUPPORTED_VERSIONS, vector(1, number(0x0304, 2))
        yield SUPPORTED_GROUPS, vector(2, numbers(2, (SECP256R1, PRIVATE_GROUP)))
        yield SIGNATURE_ALGORITHMS, vector(2, numbers(2, SIGNATURES))
        yield KEY_SHARE, vector(2, shares)
        if self.server_name is not None:
            yield SERVER_NAME, vector(2, b'\0' + vector(2, self.server_name.encode()))
        if self.psk_modes is not None:
            yield PSK_MODES, vector(1, bytes(self.psk_modes))
        if self.alpn:
            yield ALPN, vector(2, b''.join(vector(1, name) for name in self.alpn))
        if self.cookie is not None:
            yield COOKIE, self.cookie

    def schedules(self):
        return [Schedule(ticket.suite, ticket.psk) for ticket in self.tickets]

    def pre_shared_key(self):
        """4.2.11, with room for the binders, and how much room that is."""
        identities = b''
        for ticket in self.tickets:
            age = int((time.time() - ticket.received) * 1000)
            identities += vector(2, ticket.identity) + number((age + ticket.age_add) % 2**32, 4)
        binders = vector(2, b''.join(vector(1, bytes(schedule.size)) for schedule in self.schedules()))
        return vector(2, identities) + binders, len(binders)

    def message(self, before=lambda schedule: b''):
        """`before`: what stands in the transcript already, by the schedule whose hash it has."""
        listed = [number(kind, 2) + vector(2, body) for kind, body in self.extensions()]
        behind = 0
        if self.tickets:
            body, room = self.pre_shared_key()
            listed.insert(len(listed) if self.psk_last else -1, number(PRE_SHARED_KEY, 2) + vector(2, body))
            behind = 0 if self.psk_last else len(listed[-1])
        body = number(0x0303, 2) + self.random + vector(1, b'') + vector(2, numbers(2, self.suites)) + vector(1, b'\0')
        whole = message(CLIENT_HELLO, body + vector(2, b''.join(listed)))
        if not self.tickets:
            return whole
        # 4.2.11.2: a binder is over the hello up to the list of binders, with the lengths of the whole. So it is here
        # when more stands behind that list, so that the place is the one thing wrong.
        end = len(whole) - behind
        cut = whole[:end - room]
        binders = [schedule.finished(schedule.derive(b'res binder', b''), before(schedule) + cut)
                   for schedule in self.schedules()]
        return cut + vector(2, b''.join(vector(1, binder) for binder in binders)) + whole[end:]

    def fit(self, suite, extensions):
        """4.1.4, and 4.1.2 on what a client may change."""
        group = extensions.get(KEY_SHARE)
        demand(group or COOKIE in extensions, 'a HelloRetryRequest that changes nothing')
        if group:
            demand(group == number(SECP256R1, 2), f'the retry is for group {group.hex()}')
            demand(SECP256R1 not in self.shares, 'a retry for the share that was there')
            self.shares = (SECP256R1,)
        self.cookie = extensions.get(COOKIE)
        self.tickets = [ticket for ticket in self.tickets if HASHES[ticket.suite] == HASHES[suite]]

    def shared(self, share):
        """4.2.8.2 and 7.4.2."""
        reader = Reader(share)
        demand(reader.number(2) == SECP256R1 and SECP256R1 in self.shares, 'a share of another group')
        point = reader.vector(2)
        demand(len(point) == 65 and point[0] == 4, 'a share that is no uncompressed point')
        x, y = (int.from_bytes(point[at:at + 32], 'big') for at in (1, 33))
        try:
            theirs = ECC.construct(curve='P-256', point_x=x, point_y=y)
        except ValueError:
            raise Broken('a share that is not on the curve') from None
        return number(int((theirs.pointQ * self.key.d).x), 32)


def server_hello(wire, hello, suites):
    """Of a ServerHello or HelloRetryRequest, 4.1.3: the message, whether it is the latter, suite and extensions."""
    whole = wire.message(SERVER_HELLO)
    reader = Reader(whole[4:])
    demand(reader.number(2) == 0x0303, 'another legacy_version')
    retry = reader.take(32) == RETRY_RANDOM
    demand(reader.vector(1) == b'', 'a session id that was not offered')
    suite = reader.number(2)
    demand(suite in suites, f'suite {suite:04x}, which was not offered or not the one of the retry')
    demand(reader.number(1) == 0, 'compression')
    extensions = reader.extensions()
    demand(extensions.get(SUPPORTED_VERSIONS) == b'\3\4', 'another version than TLS 1.3')
    allowed = {KEY_SHARE, COOKIE} if retry else {KEY_SHARE, *([PRE_SHARED_KEY] if hello.tickets else [])}
    demand(extensions.keys() <= allowed | {SUPPORTED_VERSIONS}, f'extensions {sorted(extensions)}')
    return whole, retry, suite, extensions


def negotiate(wire, hello, outcome):
    """The schedule with the resumption master secret, when both Finished are exchanged."""
    messages = hello.message()
    wire.send(HANDSHAKE, messages)
    whole, outcome.hello_retry, suite, extensions = server_hello(wire, hello, hello.suites)
    if outcome.hello_retry:
        first, retry = messages, whole
        hello.fit(suite, extensions)
        second = hello.message(lambda schedule: schedule.after_retry(first) + retry)
        wire.send(HANDSHAKE, second)
        messages = Schedule(suite).after_retry(first) + retry + second
        whole, again, suite, extensions = server_hello(wire, hello, [suite])
        demand(not again, 'a second HelloRetryRequest')
    messages += whole
    outcome.suite = suite

    psk = None
    if PRE_SHARED_KEY in extensions:
        selected = int.from_bytes(extensions[PRE_SHARED_KEY], 'big')
        demand(selected < len(hello.tickets), f'identity {selected} is selected, of {len(hello.tickets)}')
        ticket = hello.tickets[selected]
        demand(HASHES[suite] == HASHES[ticket.suite], 'the selected PSK is of another hash')  # 4.2.11
        outcome.selected_identity, psk = selected, ticket.psk
    # psk_ke is without a share, and nothing else (4.2.9).
    demand(KEY_SHARE in extensions or (psk and PSK_KE in (hello.psk_modes or ())), 'no key share')

    schedule = Schedule(suite, psk)
    schedule.advance(hello.shared(extensions[KEY_SHARE]) if KEY_SHARE in extensions else None)
    ours, theirs = (schedule.derive(label, messages) for label in (b'c hs traffic', b's hs traffic'))
    wire.read(Protection(schedule, theirs))
    wire.writing = Protection(schedule, ours)
    for kind in (ENCRYPTED_EXTENSIONS, *(() if psk else (CERTIFICATE, CERTIFICATE_VERIFY))):
        whole = wire.message(kind)
        messages += whole
        if kind == ENCRYPTED_EXTENSIONS:
            said = Reader(whole[4:]).extensions()
            demand(said.keys() <= {kind for kind, _ in hello.extensions()}, f'EncryptedExtensions {sorted(said)}')
            outcome.alpn = said[ALPN][3:] if ALPN in said else None
    whole = wire.message(FINISHED)
    demand(whole[4:] == schedule.finished(theirs, messages), "the server's Finished is wrong")
    messages += whole

    schedule.advance()
    our_data, their_data = (schedule.derive(label, messages) for label in (b'c ap traffic', b's ap traffic'))
    wire.read(Protection(schedule, their_data))
    finished = message(FINISHED, schedule.finished(ours, messages))
    wire.send(HANDSHAKE, finished)
    wire.writing = Protection(schedule, our_data)
    schedule.secret = schedule.derive(b'res master', messages + finished)
    return schedule


def talk(wire, say, outcome, schedule):
    if say:
        wire.send(APPLICATION_DATA, say)
    closing = False
    while True:
        if not closing and (not say or outcome.answer.endswith(b'\n')):
            closing = True
            # The server may have closed already, as stek's does after a line.
            with contextlib.suppress(OSError):
                wire.send(ALERT, b'\1\0')
        kind, data = wire.next()
        if kind is None:
            return
        if kind == APPLICATION_DATA:
            outcome.answer += data
        else:
            demand(kind == HANDSHAKE and data[0] == NEW_SESSION_TICKET, f'record {kind} with {data[:1].hex()}')
            outcome.tickets.append(new_session_ticket(data, schedule))


def new_session_ticket(whole, schedule):
    """4.6.1."""
    reader = Reader(whole[4:])
    lifetime, age_add, nonce, identity = reader.number(4), reader.number(4), reader.vector(1), reader.vector(2)
    demand(lifetime <= 604800, f'a lifetime of {lifetime} s')
    demand(identity, 'an empty ticket')
    early = reader.extensions().get(EARLY_DATA, b'')
    psk = expand_label(schedule.name, schedule.secret, b'resumption', nonce, schedule.size)
    return Ticket(identity, psk, schedule.suite, age_add, lifetime, time.time(), int.from_bytes(early, 'big'))


# The scenarios


@dataclass
class Scenario:
    rule: str
    offers: Callable  # of the two tickets at hand, in this order
    saw: str | tuple  # or any of these
    stock: str | None = None  # where OpenSSL by itself does otherwise
    options: dict = field(default_factory=dict)


def altered(ticket, byte=40, bit=0):
    identity = bytearray(ticket.identity)
    identity[byte % len(identity)] ^= 1 << bit
    return replace(ticket, identity=bytes(identity))


def garbage(ticket, size):
    made = random.Random(size)
    return replace(ticket, identity=made.randbytes(size), psk=made.randbytes(len(ticket.psk)))


def wrong_binder(ticket):
    return replace(ticket, psk=bytes(len(ticket.psk)))


# Of a ticket as RFC 5077 lays it out: key name, IV, length, state, MAC.
PLACES = ((0, 7), (15, 0), (16, 3), (31, 0), (32, 7), (33, 0), (34, 1), (100, 4), (-33, 0), (-32, 7), (-1, 0))

SCENARIOS = [
    Scenario('2. one identity resumes', lambda a, b: [a], 'selects 0'),
    Scenario('3. two good identities: the first', lambda a, b: [a, b], 'selects 0'),
    Scenario('3. in the other order: the first', lambda a, b: [b, a], 'selects 0'),
    *(Scenario(f'4. byte {byte} bit {bit} of the first altered: the second',
               lambda a, b, byte=byte, bit=bit: [altered(a, byte, bit), b], 'selects 1') for byte, bit in PLACES),
    Scenario('4. the second altered: the first', lambda a, b: [a, altered(b)], 'selects 0'),
    *(Scenario(f'5. {size} bytes of garbage first: the second',
               lambda a, b, size=size: [garbage(a, size), b], 'selects 1') for size in (1, 178, 2000)),
    Scenario('5. eight of garbage first: the ninth',
             lambda a, b: [garbage(a, size) for size in range(170, 178)] + [b], 'selects 8'),
    Scenario('6. both altered: a full handshake', lambda a, b: [altered(a), altered(b)], 'full'),
    *(Scenario(f'7. a retry for {what}, {which}', offers, saw + ', retried', options={'shares': shares})
      for what, shares in (('no share', ()), ('a share nobody takes', (PRIVATE_GROUP,)))
      for which, offers, saw in (
          ('no ticket', lambda a, b: [], 'full'),
          ('one ticket', lambda a, b: [a], 'selects 0'),
          ('the first altered: the second', lambda a, b: [altered(a), b], 'selects 1'),
          ('both altered', lambda a, b: [altered(a), altered(b)], 'full'))),
    Scenario('8. the same identity twice: the first', lambda a, b: [a, a], 'selects 0'),
    # 4.2.9: "If clients offer "pre_shared_key" without a "psk_key_exchange_modes" extension, servers MUST abort the
    # handshake." 9.2 has the alert. OpenSSL 3 does so by itself.
    Scenario('9. no psk_key_exchange_modes: missing_extension', lambda a, b: [a], 'alert 109',
             options={'psk_modes': None}),
    Scenario('10. psk_ke only: a full handshake', lambda a, b: [a], 'full', options={'psk_modes': (PSK_KE,)}),
    # 4.2.11 aborts, and 6.2 names the alert: decrypt_error for failing to "validate [...] a PSK binder". OpenSSL sends
    # illegal_parameter, and it is OpenSSL that looks at the binder.
    Scenario('11. a wrong binder: an alert', lambda a, b: [wrong_binder(a)], ('alert 51', 'alert 47')),
    Scenario('11. a wrong binder of the second: an alert', lambda a, b: [altered(a), wrong_binder(b)],
             ('alert 51', 'alert 47')),
    Scenario('11. a wrong binder after a retry: an alert', lambda a, b: [wrong_binder(a)],
             ('alert 51', 'alert 47'), options={'shares': ()}),
    # 4.2.11: servers "SHOULD select a single PSK and validate solely the binder that corresponds to that PSK."
    Scenario('11. a wrong binder of one not selected: the first', lambda a, b: [a, wrong_binder(b)], 'selects 0'),
    # 4.2.11 sees "no need for the server to associate an SNI value with the ticket"; stek does, unless told otherwise.
    Scenario('12. another server name: a full handshake', lambda a, b: [a], 'full', stock='selects 0',
             options={'server_name': 'other.example'}),
    # 4.2.11: "Servers MUST check that it is the last extension and otherwise fail the handshake with an
    # "illegal_parameter" alert."
    Scenario('13. pre_shared_key not last: illegal_parameter', lambda a, b: [a], 'alert 47',
             options={'psk_last': False}),
]


def words(outcome):
    if outcome.alert is not None:
        return f'alert {outcome.alert}'
    saw = 'full' if outcome.selected_identity is None else f'selects {outcome.selected_identity}'
    return saw + (', retried' if outcome.hello_retry else '')


def flaw(outcome, saw, psk_modes=(PSK_DHE_KE,), **_):
    """What is wrong, or nothing."""
    if words(outcome) not in ((saw,) if isinstance(saw, str) else saw):
        return f'saw {words(outcome)}, and not {saw}'
    if outcome.alert is not None:
        return None
    # stek's demo server says what it did; `s_server -rev` has the line backwards.
    welcome = b'welcome, ' if outcome.selected_identity is None else b'welcome back, '
    if outcome.answer not in (welcome + b'you said: hello\n', b'olleh\n'):
        return f'was answered {outcome.answer!r}'
    # 4.2.9: servers "SHOULD NOT send NewSessionTicket with tickets that are not compatible with the advertised modes".
    if not outcome.tickets and PSK_DHE_KE in (psk_modes or ()):
        return 'was given no ticket'
    return None


def two_tickets(port, suites):
    outcome = handshake(port, suites=suites)
    demand(words(outcome) == 'full', f'the first handshake saw {words(outcome)}')
    demand(len(outcome.tickets) >= 2, f'{len(outcome.tickets)} tickets, and two are needed')
    return outcome.tickets[:2]


def first_meeting(port, suites):
    outcome = handshake(port, suites=suites)
    different = {ticket.identity for ticket in outcome.tickets}, {ticket.psk for ticket in outcome.tickets}
    few = min(map(len, different)) < max(2, len(outcome.tickets))
    return outcome, flaw(outcome, 'full') or ('was not given two tickets, or not different ones' if few else None)


def chain(port, suites):
    """Each resumption hands out the ticket of the next."""
    ticket, _ = two_tickets(port, suites)
    for _ in range(4):
        outcome = handshake(port, [ticket], suites=suites)
        wrong = flaw(outcome, 'selects 0')
        if wrong or outcome.tickets[0].identity == ticket.identity:
            return outcome, wrong or 'was given the same ticket again'
        ticket = outcome.tickets[0]
    return outcome, None


def play(scenario, port, suites, stock):
    offers = scenario.offers(*two_tickets(port, suites))
    outcome = handshake(port, offers, **{'suites': suites, **scenario.options})
    return outcome, flaw(outcome, scenario.stock if stock and scenario.stock else scenario.saw, **scenario.options)


def scenarios(port, suites=(AES128, AES256), stock=False):
    """Prints a line for each; gives how many failed."""
    plays = [('1. a full handshake hands out tickets', lambda: first_meeting(port, suites)),
             ('2. each resumption hands out a ticket that resumes', lambda: chain(port, suites))]
    plays += [(scenario.rule, lambda scenario=scenario: play(scenario, port, suites, stock)) for scenario in SCENARIOS]
    failed = 0
    for rule, run in plays:
        try:
            outcome, wrong = run()
        except (Broken, OSError) as error:
            outcome, wrong = None, f'{type(error).__name__}: {error}'
        failed += wrong is not None
        print(f'not ok {rule}: {wrong}' if wrong else f'ok     {rule}: {words(outcome)}', flush=True)
    print(f'{len(plays) - failed} passed, {failed} failed')
    return failed


def main():
    arguments = argparse.ArgumentParser(description='Tickets in TLS 1.3, as no stock client offers them')
    arguments.add_argument('port', type=int)
    arguments.add_argument('--expect-stock', action='store_true', help='expect what OpenSSL does by itself')
    arguments.add_argument('--suites', default='1301,1302', help='by preference')
    options = arguments.parse_args()
    suites = tuple(int(suite, 16) for suite in options.suites.split(','))
    sys.exit(1 if scenarios(options.port, suites, options.expect_stock) else 0)


if __name__ == '__main__':
    main()
