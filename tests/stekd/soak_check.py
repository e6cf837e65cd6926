"""Judges what a soak wrote down: soak_check.py LOG LONGEST

Of each ticket it knows when it was asked for and given, and of each time that it came back likewise. stekd counts whole
seconds, by a clock that is a tick late at most, and looked at it somewhere between: so a ticket is alive for certain until
its lifetime has passed since its first possible second, and dead for certain when it has since its last possible one. Of
opaque bytes the key alone says when they are dead, which is LONGEST seconds behind: what it seals and accepts.
"""

import collections
import struct
import sys

# As soak.cpp writes it.
LINE = struct.Struct('=ddIIHBBB19s16s')
ISSUE, RESUME, SEAL, OPEN = 1, 2, 3, 4
# The kernel's coarse clock moves on 100 times a second or more often.
TICK = 0.01
Ticket = collections.namedtuple('Ticket', 'first last lifetime secret')


class Tickets:
    """By number, from none on. Half an hour gives two millions, so they are kept as bytes."""

    KEPT = struct.Struct('=qqI16s')

    def __init__(self):
        self.bytes = bytearray()

    def __setitem__(self, number, ticket):
        missing = (number + 1) * self.KEPT.size - len(self.bytes)
        self.bytes.extend(bytes(max(0, missing)))
        self.KEPT.pack_into(self.bytes, number * self.KEPT.size, *ticket)

    def __getitem__(self, number):
        return Ticket(*self.KEPT.unpack_from(self.bytes, number * self.KEPT.size))


class Judge:
    def __init__(self, longest):
        self.longest = longest
        self.tickets = Tickets()
        self.counts = collections.Counter()
        self.wrong = []
        self.slowest = 0.0

    def hear(self, line):
        begin, end, number, lifetime, status, what, opened, asked_again, reason, secret = line
        self.slowest = max(self.slowest, end - begin)
        self.counts['requests'] += 1
        self.counts['asked again'] += asked_again > 0
        if status != 200:
            self.blame(f'status {status}', line)
        elif what in (ISSUE, SEAL):
            self.counts['tickets'] += 1
            self.tickets[number] = Ticket(int(begin - TICK), int(end), lifetime, secret)
        else:
            self.judge(line, self.tickets[number])

    def judge(self, line, ticket):
        begin, end, number, _, _, what, opened, _, reason, secret = line
        alive = int(end) < ticket.first + ticket.lifetime
        dead = int(begin - TICK) >= ticket.last + (ticket.lifetime if what == RESUME else self.longest)
        self.counts['opened' if opened else 'refused, ' + reason.rstrip(b'\0').decode()] += 1
        self.counts['alive for certain'] += alive
        self.counts['dead for certain'] += dead
        if alive and not opened:
            self.blame('refused in its lifetime', line, ticket)
        if dead and opened:
            self.blame('opened after its lifetime', line, ticket)
        if opened and secret != ticket.secret:
            self.blame('gave the secret of another', line, ticket)

    def blame(self, what, line, ticket=None):
        self.counts[f'WRONG: {what}'] += 1
        if len(self.wrong) < 10:
            self.wrong.append(f'{what}: {line}, {ticket}')


def lines_of(path):
    with open(path, 'rb') as log:
        while part := log.read(LINE.size * 4096):
            yield from LINE.iter_unpack(part)


def main(path, longest):
    judge = Judge(int(longest))
    for line in lines_of(path):
        judge.hear(line)
    for name, count in sorted(judge.counts.items()):
        print(f'  {count:9,} {name}')
    print(f'  slowest answer: {judge.slowest:.3f} s')
    for wrong in judge.wrong:
        print('FAIL', wrong)
    enough = all(judge.counts[name] for name in ('tickets', 'opened', 'alive for certain', 'dead for certain'))
    return 0 if enough and not judge.wrong else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
