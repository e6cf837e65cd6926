"""stekd for as long as it is asked, while everything changes: soak.py STEKD STEK SOAK [SECONDS [RATE]]

Keys are rotated every two seconds, the configuration is read again every ten, and in the middle the daemon ends and
another one takes over its sockets, as service managers do it. What came of each ticket is for soak_check.py to judge,
which then has to find what is wrong in logs that were spoilt. The daemon's memory and descriptors stay as they are.
"""

import itertools
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from daemon import STEKD, Stekd, check, get, run
from soak_check import ISSUE, LINE, RESUME, lines_of

SOAK, *NUMBERS = sys.argv[3:]
SECONDS, RATE = NUMBERS + ['60', '5000'][len(NUMBERS):]
CHECK = Path(__file__).with_name('soak_check.py')
SCHEDULE = ['--lead', '1s', '--sealing', '2s', '--lifetime', '4s', '--skew', '1s']
# What its keys seal, and accept behind that.
LONGEST = 2 + 4 + 1
RELOADS = 10
MIB = 1 << 20
PLACES = ('shop', 'blog')


class Life:
    """Of one daemon, as the kernel counts it."""

    def __init__(self, pid):
        self.pid, self.memory, self.descriptors = pid, [], []

    def look(self):
        status = Path(f'/proc/{self.pid}/status').read_text()
        self.memory.append(int(status.split('VmRSS:')[1].split()[0]) * 1024)
        try:
            self.descriptors.append(len(os.listdir(f'/proc/{self.pid}/fd')))
        except PermissionError:
            pass

    def judge(self):
        # The first of it is growing up.
        early, late = thirds(self.memory[len(self.memory) // 4:])
        print(f'  memory {early / MIB:.2f} MiB, then {late / MIB:.2f} MiB; descriptors {min(self.descriptors, default=0)} to '
              f'{max(self.descriptors, default=0)}; {len(self.memory)} looks')
        check(late < early + MIB, 'memory does not grow')
        if self.descriptors:
            early, late = thirds(self.descriptors[2:])
            check(late < early + 2, 'nor do descriptors')


def thirds(values):
    """Means of the first and of the last."""
    size = max(1, len(values) // 3)
    return sum(values[:size]) / size, sum(values[-size:]) / size


def start(stekd, sockets):
    """With the sockets that it is to listen at, as of sd_listen_fds(3)."""
    script = stekd.folder / 'activate'
    script.write_text(f'#!/bin/sh\nLISTEN_PID=$$ exec {STEKD} "$@"\n')
    script.chmod(0o700)
    moved = [os.dup(one.fileno()) for one in sockets]

    def place():
        for fd in moved:
            os.dup2(fd, 100 + fd)
        for i, fd in enumerate(moved):
            os.dup2(100 + fd, 3 + i)

    stekd.start(executable=script, env={'LISTEN_FDS': str(len(moved))}, preexec_fn=place, pass_fds=range(3, 3 + len(moved)))
    for fd in moved:
        os.close(fd)


def nothing_is_lost(folder):
    sockets = []
    for name in PLACES:
        sockets.append(socket.socket(socket.AF_UNIX))
        sockets[-1].bind(str(folder / name))
        sockets[-1].listen(128)
    stekd = Stekd(folder, schedule=SCHEDULE, start=False)
    start(stekd, sockets)
    lives = [Life(stekd.process.pid)]
    begin, reloaded, log = time.monotonic(), 0, folder / 'log'
    with subprocess.Popen([SOAK, folder / 'shop', log, SECONDS, RATE]) as soak:
        while soak.poll() is None:
            time.sleep(1)
            now = time.monotonic() - begin
            lives[-1].look()
            # Who does not read what it says makes it wait.
            stekd.log()
            stekd.hears('')
            if now > (reloaded + 1) * RELOADS:
                reloaded += 1
                check(stekd.reload(), f'it reads its configuration again, the {reloaded}th time')
            if len(lives) == 1 and now > float(SECONDS) / 2:
                generation = get(stekd.admin, '/v1/ring').json['generation']
                check(stekd.stop() == 0, 'it ends while requests come')
                complain_of(stekd)
                start(stekd, sockets)
                lives.append(Life(stekd.process.pid))
    took = time.monotonic() - begin
    check(soak.returncode == 0, 'each request was answered')
    last = get(stekd.admin, '/v1/ring').json['generation']
    check(len(lives) == 2 and last > generation, 'another took over')
    check(stekd.stop() == 0, 'it ends well')
    complain_of(stekd)
    requests = log.stat().st_size // LINE.size
    print(f'{took:.0f} s, {requests:,} requests, {requests / took:,.0f} a second, {last} generations of the ring, {reloaded} reloads')
    check(last > float(SECONDS) / 3, 'the ring was rotated every two seconds')
    for life in lives:
        life.judge()
    judged = subprocess.run([sys.executable, CHECK, log, str(LONGEST)], capture_output=True, text=True)
    print(judged.stdout, end='')
    check(judged.returncode == 0, f'no ticket was lost, none lived on, none was another {judged.stderr}')
    a_wrong_log_is_found_out(folder, log)


def complain_of(stekd):
    """What it logged that should not have come."""
    for event in stekd.events():
        check(event['level'] in ('notice', 'info') or event['event'] == 'ring_in_plain', f'unexpected: {event}')


def a_wrong_log_is_found_out(folder, log):
    """One line spoilt, of hundreds of thousands."""
    lines = list(itertools.islice(lines_of(log), 50_000))
    given = {line[2]: line for line in lines if line[5] == ISSUE}
    resumed = next(line for line in lines if line[5] == RESUME and line[6])
    refused = next((line for line in lines if line[5] == RESUME and not line[6] and line[0] > given[line[2]][1] + 6), None)
    check(refused is not None, 'a ticket came back after its lifetime')
    for line, opened, secret in ((resumed, 0, bytes(16)), (resumed, 1, b'x' * 16), (refused, 1, given[refused[2]][9])):
        spoilt = [(*one[:6], opened, *one[7:9], secret) if one is line else one for one in lines]
        (folder / 'spoilt').write_bytes(b''.join(LINE.pack(*one) for one in spoilt))
        judged = subprocess.run([sys.executable, CHECK, folder / 'spoilt', str(LONGEST)], capture_output=True, text=True)
        check(judged.returncode == 1 and judged.stdout.count('FAIL') == 1, f'one wrong line is found: {judged.stdout}')


run(nothing_is_lost)
