"""The matrix: a ticket that a server on one TLS library issued, offered to a server on another. Every client plays every cell. A
cell counts as resumed when the acceptor says so, the client says so, and what they said to each other after it arrived.
A cell that does not resume has to fail for the reason that is stated here, and no other.

    matrix.py STEK --server openssl=PROGRAM ... --client libssl=PROGRAM ... [--picture FILE]

prints the matrix. With every library there it compares the picture, or writes it with STEK_ACCEPT=1.
"""

import itertools
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from peers import CBC, GCM256, LIBRARIES, TLS12, TLS13, Hello, stage_from

RESUMED = '+'
REASONS = {
    'a': 'the acceptor has no encrypt-then-MAC, and a session that has it does not give it up (RFC 7366 section 3.1)',
    'b': 'the issuer has no encrypt-then-MAC, and a session does not change it where the client offers it (RFC 7366)',
    'c': 'rustls resumes only under the suite that it would select anyway, and would have selected another',
}
SAID = {'a': 'reason=encrypt_then_mac_missing', 'b': 'reason=encrypt_then_mac_added', 'c': ''}


def resumes(_issuer, _acceptor):
    return RESUMED


def encrypt_then_mac_stays(issuer, acceptor):
    if issuer.encrypt_then_mac == acceptor.encrypt_then_mac:
        return RESUMED
    return 'a' if issuer.encrypt_then_mac else 'b'


def suite_may_change(_issuer, acceptor):
    return RESUMED if acceptor.keeps_suite else RESUMED + 'c'


@dataclass(frozen=True)
class Condition:
    title: str
    hello: Hello
    version: str = TLS12
    expects: Callable = resumes  # what a cell may be, of RESUMED and REASONS
    server: tuple = ()

    def is_for(self, library):
        return self.version in library.versions and (library.cbc or CBC not in self.hello.suites)


LEGACY = ('--legacy-ems',)
CONDITIONS = [
    Condition('AES-256-GCM', Hello(suites=(GCM256,))),
    Condition('default suites', Hello(suites=()), expects=suite_may_change),
    Condition('AES-128-CBC, encrypt-then-MAC', Hello(suites=(CBC,)), expects=encrypt_then_mac_stays),
    Condition('AES-128-CBC, MAC-then-encrypt', Hello(suites=(CBC,), etm=False)),
    Condition('AES-256-GCM, no EMS', Hello(suites=(GCM256,), ems=False), server=LEGACY),
    Condition('AES-128-CBC, no EMS', Hello(suites=(CBC,), ems=False, etm=False), server=LEGACY),
    Condition('TLS 1.3, AES-128-GCM', Hello(suite13='TLS_AES_128_GCM_SHA256'), version=TLS13),
    Condition('TLS 1.3, AES-256-GCM', Hello(suite13='TLS_AES_256_GCM_SHA384'), version=TLS13),
]


def play(stage, case, folder):
    """What became of a cell, of RESUMED and REASONS, or what is wrong with it."""
    condition, issuer, acceptor, client = case
    ring, session = folder / 'ring.json', folder / 'session'
    stage.make_ring(ring)
    with stage.server(issuer, ring, condition.server) as server:
        saw = client.meet(server.port, condition.version, condition.hello, session, stage.files)
        issued = server.said()
        if saw != 'full' or 'issued=yes' not in issued:
            return f'the first handshake: client {saw}, server {issued}'
    with stage.server(acceptor, ring, condition.server) as server:
        saw = client.meet(server.port, condition.version, condition.hello, session, stage.files)
        said = server.said()
    for outcome in condition.expects(issuer, acceptor):
        if is_outcome(outcome, saw, said, issued):
            return outcome
    return f'the client saw {saw}, and the server said {said}'


def is_outcome(outcome, saw, said, issued):
    same_suite = suite_in(said) == suite_in(issued)
    if outcome == RESUMED:
        return saw == 'resumed' and said.startswith('handshake=resumed ') and same_suite
    refused = saw == 'full' and said.startswith('handshake=full ') and SAID[outcome] in said
    return refused and (outcome != 'c' or not same_suite)


def suite_in(line):
    found = re.search(r'suite=(\S+)', line)
    return found and found.group(1)


def cases(stage):
    for condition in CONDITIONS:
        libraries = [library for library in stage.libraries if condition.is_for(library)]
        for issuer, acceptor in itertools.product(libraries, libraries):
            for client in stage.clients:
                refused = condition.expects(issuer, acceptor) != RESUMED
                if condition.version in client.versions and (client.takes_refusal or not refused):
                    yield condition, issuer, acceptor, client


def play_all(stage):
    """For each condition, issuer and acceptor what the clients brought about; and how many were wrong."""
    cells, wrong = {}, 0
    played = list(cases(stage))
    outcomes = stage.play_all(lambda case, folder: play(stage, case, folder), played)
    for (condition, issuer, acceptor, client), outcome in zip(played, outcomes):
        if outcome != RESUMED and outcome not in REASONS:
            wrong += 1
            print(f'FAIL {condition.title}: {issuer.name} -> {acceptor.name} ({client.name}): {outcome}')
        cells.setdefault((condition.title, issuer.name, acceptor.name), []).append(outcome)
    return cells, wrong, len(played)


def shown(outcomes):
    """RESUMED where every client resumed, else why the first of the others did not."""
    return next((outcome for outcome in outcomes if outcome != RESUMED), RESUMED)


def counts(grid):
    return f'{sum(cell == RESUMED for cell in grid.values())} of {len(grid)}'


def grids(cells):
    for condition in CONDITIONS:
        yield condition, {pair[1:]: shown(outcomes) for pair, outcomes in cells.items() if pair[0] == condition.title}


def print_matrix(cells, names):
    for condition, grid in grids(cells):
        print(f'\n{condition.title}: {counts(grid)} resumed')
        print(' ' * 12 + ''.join(f'{name:>11}' for name in names))
        for issuer in names:
            print(f'{issuer:>12}' + ''.join(f'{grid.get((issuer, acceptor), "")[:9]:>11}' for acceptor in names))
    print('\n+ resumed, with every client')
    for letter, reason in REASONS.items():
        print(f'{letter} {reason}')


# ---- The picture

CELL, LABELS, HEADING, COLUMN, ROW = 24, 76, 88, 236, 240
TOP = 52
STYLE = '''
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .strong { font-weight: 600 }
  .small { font-size: 11px; fill: #57606a }
  .ground { fill: #ffffff }
  .resumed { fill: #1a7f37 }
  .refused { fill: #bf8700 }
  .absent { fill: #eaeef2 }
  .mark { fill: #ffffff; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9da7b3 }
    .ground { fill: #0d1117 }
    .resumed { fill: #2ea043 }
    .refused { fill: #bb8009 }
    .absent { fill: #21262d }
  }
'''


def text(x, y, words, kind='', anchor='start', more=''):
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def cell_in_picture(x, y, outcome, words):
    kind = {RESUMED: 'resumed', None: 'absent'}.get(outcome, 'refused')
    lines = [f'<rect class="{kind}" x="{x}" y="{y}" width="{CELL - 3}" height="{CELL - 3}" rx="3"><title>{escape(words)}</title></rect>']
    if outcome not in (RESUMED, None):
        lines.append(text(x + (CELL - 3) / 2, y + 15, outcome, 'mark', 'middle'))
    return lines


def grid_in_picture(left, top, condition, grid, names):
    yield text(left, top + 12, condition.title, 'strong')
    yield text(left, top + 28, f'{counts(grid)} resumed', 'small')
    for column, acceptor in enumerate(names):
        x, y = left + LABELS + column * CELL + 13, top + HEADING - 6
        yield text(x, y, acceptor, 'small', 'start', f' transform="rotate(-50 {x} {y})"')
    for row, issuer in enumerate(names):
        y = top + HEADING + row * CELL
        yield text(left + LABELS - 6, y + 15, issuer, 'small', 'end')
        for column, acceptor in enumerate(names):
            outcome = grid.get((issuer, acceptor))
            words = {RESUMED: 'resumed', None: 'not to be had on both'}.get(outcome, REASONS.get(outcome, ''))
            yield from cell_in_picture(left + LABELS + column * CELL, y, outcome, f'{issuer} to {acceptor}: {words}')


def picture(cells, names):
    width, across = 4 * COLUMN + 20, 4
    rows = -(-len(CONDITIONS) // across)
    height = TOP + rows * ROW + 18 * len(REASONS) + 10
    told = ', '.join(f'{condition.title}: {counts(grid)}' for condition, grid in grids(cells))
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
             'aria-labelledby="title desc">',
             '<title id="title">A ticket that one TLS library issued, offered to another</title>',
             f'<desc id="desc">Pairs of an issuer and an acceptor that resume. {escape(told)}.</desc>',
             f'<style>{STYLE}</style>', f'<rect class="ground" width="{width}" height="{height}" rx="6"/>',
             text(14, 26, 'A ticket issued on one TLS library (rows), offered to another (columns)', 'title')]
    for number, (condition, grid) in enumerate(grids(cells)):
        left, top = 14 + number % across * COLUMN, TOP + number // across * ROW
        lines += grid_in_picture(left, top, condition, grid, names)
    lines += legend(TOP + rows * ROW)
    return '\n'.join([*lines, '</svg>', ''])


def legend(foot):
    for number, (letter, reason) in enumerate(REASONS.items()):
        yield text(14, foot + number * 18 + 12, f'{letter}  {reason}', 'small')


def check_picture(path, drawn):
    if os.environ.get('STEK_ACCEPT'):
        Path(path).write_text(drawn)
    if Path(path).read_text() != drawn:
        print(f'{path} is not the picture of this matrix; STEK_ACCEPT=1 writes it anew')
        return 1
    return 0


def main():
    stage, arguments = stage_from(__doc__, '--picture')
    cells, wrong, played = play_all(stage)
    names = [library.name for library in stage.libraries]
    print_matrix(cells, names)
    if arguments.picture and len(names) == len(LIBRARIES):
        wrong += check_picture(arguments.picture, picture(cells, names))
    print(f'\n{played} meetings, {wrong} wrong')
    sys.exit(1 if wrong else 0)


main()
