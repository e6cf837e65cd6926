"""stekd beside a bare echo: load.py STEKD STEK LOAD ECHO [--smoke]

Prints figures, and fails for none of them; with --smoke once and briefly, so that they do not rot.
"""

import resource
import subprocess
import sys

from daemon import Stekd, check, run

LOAD, ECHO, *SMOKE = sys.argv[3:]


def beside_an_echo(folder):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    stekd = Stekd(folder, top='threads = 1', config=Stekd.CONFIG.replace('threads = 2', ''))
    with subprocess.Popen([ECHO, folder / 'echo'], stdout=subprocess.PIPE) as echo:
        check(echo.stdout.readline() == b'ready\n', 'the echo listens')
        ran = subprocess.run([LOAD, stekd.shop, str(stekd.process.pid), folder / 'echo', str(echo.pid), *SMOKE])
        check(ran.returncode == 0, 'each request is answered')
        echo.terminate()
    check(stekd.stop() == 0, 'it ends well')


run(beside_an_echo)
