"""stekd beside a bare echo: load.py STEKD STEK LOAD ECHO [--smoke]

Prints figures, and fails for none of them; with --smoke once and briefly, so that they do not rot.
"""

import resource
import subprocess
import sys

from daemon import Stekd, check, run

LOAD, ECHO, *SMOKE = sys.argv[3:]


def beside_an_echo(folder, profile):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f'\na ring under {profile}', flush=True)
    stekd = Stekd(folder, top='threads = 1', schedule=['--profile', profile], config=Stekd.CONFIG.replace('threads = 2', ''))
    with subprocess.Popen([ECHO, folder / 'echo'], stdout=subprocess.PIPE) as echo:
        check(echo.stdout.readline() == b'ready\n', 'the echo listens')
        ran = subprocess.run([LOAD, stekd.shop, str(stekd.process.pid), folder / 'echo', str(echo.pid), *SMOKE])
        check(ran.returncode == 0, 'each request is answered')
        echo.terminate()
    check(stekd.stop() == 0, 'it ends well')


def with_the_default(folder):
    beside_an_echo(folder, 'xchacha20poly1305')


def with_the_fast_one(folder):
    beside_an_echo(folder, 'aes256gcm')


run(with_the_fast_one, with_the_default)
