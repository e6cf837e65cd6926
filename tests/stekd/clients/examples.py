"""The examples in Python and Go: examples.py STEKD STEK STEKD_PY [GO STEKD_GO]

Each is run as a reader of it would run it; the one in Python is used as a module too."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from daemon import HELLO, SESSION, Stekd, check, hello_bytes, run, wait_until  # noqa: E402

STEKD_PY, *GO = sys.argv[3:]
AMPLE = 5.0

spec = importlib.util.spec_from_file_location('stekd', STEKD_PY)
stekd_py = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stekd_py)


def shows_all_of_it(folder, *program):
    stekd = Stekd(folder)
    # Its deadline is for a machine that has nothing else to do.
    ran = None

    def good():
        nonlocal ran
        ran = subprocess.run([*program, stekd.shop], capture_output=True, text=True, timeout=60)
        return ran.returncode == 0 and ran.stdout.count('full_handshake') == 1
    wait_until(good)
    check(ran.stdout == 'issued for 43200 s\nshop.example resume resumes same secret\n'
                        'other.example full_handshake server_name_differs \n', f'{program}: {ran.stdout}{ran.stderr}')
    stekd.stop()
    ran = subprocess.run([*program, stekd.shop], capture_output=True, text=True, timeout=60)
    check(ran.returncode == 1 and 'no ticket: ' in ran.stderr and not ran.stdout, f'{program}: without a daemon')


def python_shows_all_of_it(folder):
    shows_all_of_it(folder, sys.executable, STEKD_PY)


def go_shows_all_of_it(folder):
    source = GO[1]
    env = {**os.environ, 'GOCACHE': str(folder / 'cache'), 'GOFLAGS': '-p=2', 'GO111MODULE': 'off'}
    built = subprocess.run([GO[0], 'build', '-o', folder / 'example', source], env=env, capture_output=True, text=True)
    check(built.returncode == 0, f'it compiles: {built.stderr}')
    vetted = subprocess.run([GO[0], 'vet', source], env=env, capture_output=True, text=True)
    check(vetted.returncode == 0, f'and vet has nothing to say: {vetted.stderr}')
    shows_all_of_it(folder, folder / 'example')


def python_as_a_module(folder):
    stekd = Stekd(folder, top='idle = "100ms"')
    tickets = stekd_py.Stekd(str(stekd.shop), AMPLE)
    issued = tickets.issue(SESSION)
    answer = tickets.resume(issued['ticket'], HELLO)
    check(answer['session']['secret'] == SESSION['secret'] and tickets.trouble is None, 'a session comes back')
    answer = tickets.resume(issued['ticket'], hello_bytes())
    check(answer['verdict']['outcome'] == 'resume', 'from a hello in bytes')
    answer = tickets.resume(issued['ticket'], hello_bytes(name=b'other.example'))
    check(answer['verdict']['reason'] == 'server_name_differs', 'a refusal is an answer')
    check(tickets.issue({**SESSION, 'extended_master_secret': False}) is None and tickets.trouble,
          'a session that gets no ticket')
    for _ in range(3):
        time.sleep(0.25)
        check(tickets.issue(SESSION) is not None, 'a connection that was closed for being idle is made again')
    stekd.stop()
    answer = tickets.resume(issued['ticket'], HELLO)
    check(answer['verdict']['outcome'] == 'full_handshake' and tickets.trouble, 'no daemon: a full handshake')
    stekd.start()
    check(tickets.resume(issued['ticket'], HELLO)['verdict']['outcome'] == 'resume', 'until it is back')

    hasty = stekd_py.Stekd(str(stekd.shop), 0.05)
    stekd.signal(signal.SIGSTOP)
    os.waitpid(stekd.process.pid, os.WUNTRACED)
    begin = time.monotonic()
    check(hasty.resume(issued['ticket'], HELLO)['verdict']['reason'] == 'timed out', 'a daemon that has come to a halt')
    check(time.monotonic() - begin < 1, 'is not waited for')
    stekd.signal(signal.SIGCONT)
    wait_until(lambda: hasty.issue(SESSION) is not None)
    check(hasty.resume(issued['ticket'], HELLO)['verdict']['outcome'] == 'resume', 'and met again when it goes on')
    stekd.stop()


run(python_shows_all_of_it, python_as_a_module, *([go_shows_all_of_it] if GO else []))
