"""stek and the second implementation, each opening what the other sealed, and taking it apart alike.

    cross_check.py PROGRAM [COUNT [JOBS [SEED]]]

COUNT tickets each way, shared among JOBS processes. Of those that Python seals, a third have a few
bytes of their state or of the ticket altered: then both must refuse at the same layer, or both must
find the same thing.
"""

import collections
import concurrent.futures
import json
import os
import random
import subprocess
import sys
import threading

try:
    import stek_format as stek
except ModuleNotFoundError as missing:
    print(f'{missing}: install python3-pycryptodome')
    sys.exit(1 if os.environ.get('CI') else 77)

PROFILES = tuple(stek.NONCE_LENGTH)


class Tally:
    def __init__(self):
        self.checked = collections.Counter()
        self.opened_by_cpp = 0
        self.refused_by_both = collections.Counter()
        self.mismatches = []

    def add(self, other):
        self.checked += other.checked
        self.opened_by_cpp += other.opened_by_cpp
        self.refused_by_both += other.refused_by_both
        self.mismatches += other.mismatches


def to_hex(data):
    return data.hex() or '-'


def from_hex(text):
    return b'' if text == '-' else bytes.fromhex(text)


# ---- C++ seals, Python opens


def check_sealed_by_cpp(line, tally):
    profile, secret, domain, ticket, content = line.rstrip('\n').split(' ', 4)
    secret, domain, ticket = from_hex(secret), from_hex(domain), from_hex(ticket)
    _, state = stek.open_ticket({stek.key_name(secret): (profile, secret)}, domain, ticket)
    if content.startswith('{'):
        session = stek.decode_session(state, profile)
        same = stek.json_of(session) == json.loads(content)
        again = stek.encode_session(session, profile)
    else:
        label, data = map(from_hex, content.split(' '))
        same = stek.decode_opaque(state, label, profile) == data
        again = stek.encode_opaque(label, data, profile)
    nonce = ticket[16:16 + stek.NONCE_LENGTH[profile]]
    if not same or again != state or stek.seal(profile, secret, domain, nonce, state) != ticket:
        tally.mismatches.append(f'sealed by C++: {line}')
    tally.checked[profile, len(state)] += 1


def open_what_cpp_sealed(program, seed, count, tally):
    with subprocess.Popen([program, 'seal', str(seed), str(count)], stdout=subprocess.PIPE,
                          text=True) as process:
        lines = 0
        for line in process.stdout:
            lines += 1
            try:
                check_sealed_by_cpp(line, tally)
            except (stek.Refused, ValueError) as error:
                tally.mismatches.append(f'sealed by C++: {error!r}: {line}')
    assert lines == count and process.returncode == 0, f'{lines} lines, not {count}'


# ---- Python seals, C++ opens


def around(rng, least, most):
    """A length: often at a bound, else between."""
    return rng.choice((least, least, most, rng.randint(least, most), rng.randint(least, most)))


def maybe(rng, value, odds=0.25):
    return value() if rng.random() < odds else None


def random_name(rng):
    letters = b'abcdefghijklmnopqrstuvwxyz0123456789-._!~'
    name = bytes(rng.choices(letters, k=around(rng, 1, 255)))
    return name[:-1] + b'a' if name.endswith(b'.') else name


def random_extras(rng):
    extras = {}
    if rng.random() < 0.5:
        extras['named_group'] = rng.choice((0, 0xFFFF, rng.randrange(1 << 16)))
    if rng.random() < 0.5:
        extras['heartbeat_mode'] = rng.choice((1, 2))
    for name, size in stek.EXTRA_LISTS.values():
        if rng.random() < 0.3:
            extras[name] = tuple(rng.randrange(1 << 8 * size) for _ in range(around(rng, 1, 255)))
    return extras or {'named_group': 29}


def random_chain(rng):
    sizes = rng.choices((1, 300, 900, 2000), k=rng.randint(1, 3))
    return tuple(rng.randbytes(around(rng, 1, size)) for size in sizes)


OF_TLS13 = {tls13: [suite for suite, name in stek.SUITES.items()
                    if tls13 == ('_WITH_' not in name or '_MGM_' in name)]
            for tls13 in (False, True)}


def random_session(rng):
    transport = rng.choice((1, 2, 3))
    version = rng.choice(stek.VERSIONS[transport])
    tls13 = version in stek.TLS13
    suite = rng.choice(OF_TLS13[tls13])
    length = stek.secret_length(suite, tls13)
    issued_at = rng.choice((0, 2**40 - 1, rng.randrange(2**40)))
    session = stek.Session(
        transport, version, suite, issued_at, rng.choice((0, issued_at, rng.randint(0, issued_at))),
        rng.choice((0, 604800, rng.randint(0, 604800))),
        rng.randbytes(length - 1) + b'\1' + bytes(48 - length),
        extended_master_secret=not tls13 and rng.random() < 0.5,
        encrypt_then_mac='_CBC_' in stek.SUITES[suite] and rng.random() < 0.5,
        max_fragment_length=rng.randrange(5), context=rng.choice((bytes(16), rng.randbytes(16))))
    if tls13:
        early_data = (0, 2**32 - 1) if transport == 3 else (0, 2**32 - 1, rng.randrange(2**32))
        session.ticket_age_add = rng.randrange(2**32)
        session.max_early_data_size = rng.choice(early_data)
    if rng.random() < 0.5:
        session.server_name = random_name(rng)
    elif rng.random() < 0.3:
        session.server_name_hash = rng.randbytes(16)
    add_rarities(rng, session)
    return session


def add_rarities(rng, session):
    session.alpn = maybe(rng, lambda: rng.choice((b'h2', b'0x', rng.randbytes(around(rng, 1, 255)))))
    if rng.random() < 0.2:
        session.context = rng.randbytes(15) + b'\1'
        session.identity_expires = rng.choice((0, 2**40 - 1, rng.randrange(2**40)))
        if rng.random() < 0.5:
            session.client_identity_hash = rng.randbytes(32)
        else:
            session.client_identity_chain = random_chain(rng)
    session.extras = maybe(rng, lambda: random_extras(rng), 0.1)
    # What is left of a class decides on the next one, so some fill one to the last byte.
    used = len(stek.pack_session(session)) + 3
    fillable = [size for size in stek.size_classes('aes256gcm') if size > used]
    session.application_data = maybe(rng, lambda: rng.randbytes(
        rng.choice((1, rng.randint(1, 3000), rng.choice(fillable) - used))))


def altered(rng, data, near):
    """A few bytes changed, most of them near the beginning, where the fields are."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) if rng.random() < 0.2 else min(near, len(data)))
        data[at] = rng.choice((0, 1, data[at] ^ 1 << rng.randrange(8), rng.randrange(256)))
    return bytes(data)


class Question:
    """A ticket for C++ to open, and what Python finds in it."""

    def __init__(self, rng, realms):
        self.profile = rng.choice(PROFILES)
        self.secret, self.domain = rng.choice(realms)
        self.label = None
        if rng.random() < 0.1:
            self.label = rng.randbytes(around(rng, 1, 32))
            data = rng.randbytes(around(rng, 0, rng.choice((50, 500, 16347))))
            state = stek.encode_opaque(self.label, data, self.profile)
        else:
            state = stek.encode_session(random_session(rng), self.profile)
        fate = rng.random()
        if fate < 0.25:
            state = altered(rng, state, 140)
        self.state_size = len(state)
        nonce = rng.randbytes(stek.NONCE_LENGTH[self.profile])
        self.ticket = stek.seal(self.profile, self.secret, self.domain, nonce, state)
        if 0.25 <= fate < 0.33:
            self.ticket = altered(rng, self.ticket, len(self.ticket))
            self.ticket = self.ticket[:rng.choice((len(self.ticket), rng.randint(16, 200)))]

    def line(self):
        words = [self.profile, to_hex(self.secret), to_hex(self.domain), to_hex(self.ticket)]
        return ' '.join(words + ([to_hex(self.label)] if self.label is not None else [])) + '\n'

    def answer(self):
        """As the program prints it, but JSON as an object."""
        keys = {stek.key_name(self.secret): (self.profile, self.secret)}
        try:
            _, state = stek.open_ticket(keys, self.domain, self.ticket)
            if self.label is None:
                return stek.json_of(stek.decode_session(state, self.profile))
            data = stek.decode_opaque(state, self.label, self.profile)
            return f'{to_hex(self.label)} {to_hex(data)}'
        except stek.Refused as refused:
            return refused.layer


def ask(process, questions):
    """The program's answers; written from beside, so that neither waits for the other."""
    text = ''.join(question.line() for question in questions)
    writer = threading.Thread(target=lambda: (process.stdin.write(text), process.stdin.flush()))
    writer.start()
    answers = [process.stdout.readline().rstrip('\n') for _ in questions]
    writer.join()
    return [json.loads(answer) if answer.startswith('{') else answer for answer in answers]


def let_cpp_open(program, seed, count, tally):
    rng = random.Random(seed)
    realms = [(rng.randbytes(32), rng.randbytes(size)) for size in (0, 1, 11, 100, 254, 255)]
    with subprocess.Popen([program, 'open'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        for begin in range(0, count, 200):
            questions = [Question(rng, realms) for _ in range(min(200, count - begin))]
            for question, theirs in zip(questions, ask(process, questions)):
                ours = question.answer()
                if ours != theirs:
                    tally.mismatches.append(
                        f'sealed by Python: {question.line()}  here {ours}, there {theirs}')
                if isinstance(theirs, dict) or ' ' in theirs:
                    tally.opened_by_cpp += 1
                    tally.checked[question.profile, question.state_size] += 1
                else:
                    tally.refused_by_both[theirs] += 1
        process.stdin.close()


# ----


def both_ways(program, seed, count):
    tally = Tally()
    open_what_cpp_sealed(program, seed, count, tally)
    let_cpp_open(program, seed, count, tally)
    return tally


def shares(count, jobs):
    return [count // jobs + (job < count % jobs) for job in range(jobs)]


def main():
    program = sys.argv[1]
    count, jobs, seed = (*map(int, sys.argv[2:]), *(10_000, 1, 1)[len(sys.argv) - 2:])
    total = Tally()
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        parts = [pool.submit(both_ways, program, seed * 1000 + job, share)
                 for job, share in enumerate(shares(count, jobs))]
        for part in concurrent.futures.as_completed(parts):
            total.add(part.result())

    classes = {profile: stek.size_classes(profile) for profile in PROFILES}
    never = [(profile, size) for profile in PROFILES for size in classes[profile]
             if not total.checked[profile, size]]
    for profile in PROFILES:
        print(f'{profile:18}', *(f'{size}: {total.checked[profile, size]}'
                                 for size in classes[profile]))
    print('refused by both:', dict(total.refused_by_both))
    print(f'{count} tickets each way, {len(total.mismatches)} mismatches')
    for mismatch in total.mismatches[:5]:
        print(mismatch)
    for profile, size in never:
        print(f'never met: {profile} with a state of {size}')
    # Most of what Python sealed is meant to open.
    few = total.opened_by_cpp < count // 2
    return 1 if total.mismatches or never or few else 0


if __name__ == '__main__':
    sys.exit(main())
