"""stek keys run: a rotator that sleeps until something is due."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEK = sys.argv[1]
HASTY = ['--lead', '1s', '--sealing', '3s', '--lifetime', '2s', '--skew', '1s']
failures = []
checked = 0


def check(condition, what):
    global checked
    checked += 1
    if not condition:
        failures.append(what)
        print('FAIL', what)


def keys(*words):
    return subprocess.run([STEK, 'keys', *words], capture_output=True, text=True)


def ring_at(place):
    return json.loads(keys('list', '--json', '--ring', place).stdout)


class Rotator:
    """stek keys run, with a service manager that listens."""

    def __init__(self, place, *words, **how):
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(f'{place}.notify{id(self)}')
        self.notices.setblocking(False)
        os.chmod(self.notices.getsockname(), 0o777)
        self.heard = ''
        self.process = subprocess.Popen(
            [STEK, 'keys', 'run', '--ring', place, *words], stderr=subprocess.PIPE, text=True,
            env={**os.environ, 'NOTIFY_SOCKET': self.notices.getsockname()}, **how)

    def told(self):
        text = ''
        while True:
            try:
                text += self.notices.recv(4096).decode()
            except BlockingIOError:
                return text

    def status(self):
        self.heard += self.told()
        lines = [line for line in self.heard.split('\n') if line.startswith('STATUS=')]
        return lines[-1].removeprefix('STATUS=') if lines else ''

    def look(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=10)
        return said


def wait_until(what, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def a_key_seals_all_the_time(folder):
    place = folder / 'ring'
    keys('init', '--ring', place, *HASTY)
    first = ring_at(place)['generation']
    rotators = [Rotator(place, '--allow-unlocked') for _ in range(2)]
    check(wait_until(lambda: 'READY=1' in rotators[0].told()), 'the service manager hears READY=1')
    names, gaps, end = set(), 0, time.monotonic() + 12
    while time.monotonic() < end:
        active = [key['name'] for key in ring_at(place)['keys'] if key['phase'] == 'active']
        gaps += len(active) != 1
        names.update(active)
        time.sleep(0.1)
    check(gaps == 0, f'a key seals at every look ({gaps} without)')
    check(len(names) >= 4, f'{len(names)} keys sealed in 12 s, each for 3')
    told = rotators[0].told() + rotators[1].told()
    check('WATCHDOG=1' in told and 'STATUS=generation' in told, 'it tells what it does')
    for rotator in rotators:
        check('stopped' in rotator.stop() and rotator.process.returncode == 0, 'SIGTERM stops it, exit 0')
        check('STOPPING=1' in rotator.told(), 'and it says so')
    print(f'two rotators: {len(names)} keys, {ring_at(place)["generation"] - first} generations')


def trouble_is_said_once_and_overcome(folder):
    place = folder / 'troubled'
    keys('init', '--ring', place, *HASTY)
    rotator = Rotator(place, '--allow-unlocked')
    check(wait_until(lambda: 'READY=1' in rotator.told()), 'it is ready')
    place.chmod(0o644)
    check(wait_until(lambda: rotator.status().startswith('not rotating')), 'trouble is in the status')
    rotator.heard = ''
    time.sleep(4)
    check('WATCHDOG=1' not in rotator.told(), 'though something is due, it does not try each second')
    # In other words, though it is the same trouble.
    place.chmod(0o666)
    rotator.look()
    check(wait_until(lambda: 'WATCHDOG=1' in rotator.told()), 'it looks when it is told to')
    place.chmod(0o600)
    generation = ring_at(place)['generation']
    rotator.look()
    check(wait_until(lambda: ring_at(place)['generation'] > generation), 'it goes on when the trouble is over')
    check(wait_until(lambda: rotator.status().startswith('generation')), 'and the status says so')
    said = rotator.stop()
    check(said.count('stek: error') == 1, 'the trouble is said once')
    check('rotating again' in said, 'and that it is over')


def trouble_is_over_though_nothing_is_due(folder):
    place = folder / 'mended'
    keys('init', '--ring', place)
    rotator = Rotator(place, '--allow-unlocked')
    check(wait_until(lambda: rotator.status().startswith('generation 1')), 'it is ready')
    place.chmod(0o644)
    rotator.look()
    check(wait_until(lambda: rotator.status().startswith('not rotating')), 'a ring that others read is trouble')
    place.chmod(0o600)
    rotator.look()
    check(wait_until(lambda: rotator.status().startswith('generation 1')), 'the status is as before the trouble')
    rotator.stop()


def a_reader_of_errors_goes(folder):
    place = folder / 'unread'
    keys('init', '--ring', place, *HASTY)
    rotator = Rotator(place, '--allow-unlocked')
    check(wait_until(lambda: 'READY=1' in rotator.told()), 'it is ready')
    rotator.process.stderr.close()
    generation = ring_at(place)['generation']
    check(wait_until(lambda: ring_at(place)['generation'] > generation + 1), 'it rotates, though nobody reads what it says')
    rotator.process.send_signal(signal.SIGTERM)
    check(rotator.process.wait(timeout=10) == 0, 'and stops when it is told to')


def a_hangup_looks_at_once(folder):
    place = folder / 'calm'
    keys('init', '--ring', place)
    rotator = Rotator(place, '--allow-unlocked')
    check(wait_until(lambda: 'READY=1' in rotator.told()), 'it is ready')
    check(not wait_until(lambda: 'WATCHDOG=1' in rotator.told(), 1.5), 'it sleeps while nothing is due')
    rotator.look()
    check(wait_until(lambda: 'WATCHDOG=1' in rotator.told(), 5), 'SIGHUP looks at once')
    rotator.stop()


def memory_that_cannot_be_locked(folder):
    place = folder / 'unlocked'
    keys('init', '--ring', place)

    def without_locked_memory():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

    if os.getuid() == 0:
        for path in (folder, place, folder / 'unlocked.lock'):
            os.chown(path, 65534, 65534)
    rotator = Rotator(place, preexec_fn=without_locked_memory)
    _, said = rotator.process.communicate(timeout=10)
    check(rotator.process.returncode == 1, 'it does not start')
    for word in ('RLIMIT_MEMLOCK', 'CAP_IPC_LOCK', '--allow-unlocked'):
        check(word in said, f'the refusal names {word}')
    rotator = Rotator(place, '--allow-unlocked', preexec_fn=without_locked_memory)
    check(wait_until(lambda: 'READY=1' in rotator.told()), 'with --allow-unlocked it does')
    check('stek: warning' in rotator.stop(), 'and says that memory is not locked')


def another_ring_is_not_rotated(folder):
    place, other = folder / 'mine', folder / 'other'
    for ring in (place, other):
        keys('init', '--ring', ring, *HASTY)
    rotator = Rotator(place, '--allow-unlocked')
    check(wait_until(lambda: 'READY=1' in rotator.told()), 'it is ready')
    content = other.read_bytes()
    place.write_bytes(content)
    rotator.process.send_signal(signal.SIGHUP)
    check(wait_until(lambda: 'STATUS=not rotating' in rotator.told()), 'another ring in its place is trouble')
    check(place.read_bytes() == content, 'and is left as it is')
    check('another ring' in rotator.stop(), 'and that is said')


def no_ring(folder):
    rotator = Rotator(folder / 'none', '--allow-unlocked')
    _, said = rotator.process.communicate(timeout=10)
    check(rotator.process.returncode == 4 and 'stek keys init' in said, 'without a ring it ends, and says what to do')


with tempfile.TemporaryDirectory() as name:
    for test in (a_key_seals_all_the_time, trouble_is_said_once_and_overcome, trouble_is_over_though_nothing_is_due,
                 a_reader_of_errors_goes, a_hangup_looks_at_once,
                 memory_that_cannot_be_locked, another_ring_is_not_rotated, no_ring):
        test(Path(name))
print(f'{checked} checks, {len(failures)} failed')
sys.exit(1 if failures else 0)
