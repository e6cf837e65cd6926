"""Pike's TLS server, as it is and with stekd behind its tickets: pike.py STEKD STEK PIKE SERVER

Its clients are `openssl s_client`, which say for themselves whether they resumed."""

import atexit
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from daemon import Stekd, check, post, run, wait_until  # noqa: E402

PIKE, SERVER = sys.argv[3:5]
KEY_NAME = re.compile(r'TLS session ticket:\n *0000 - ([0-9a-f -]{47})')


class Daemon(Stekd):
    """With Pike's label in one of its realms."""
    CONFIG = Stekd.CONFIG.replace('"pike/1", "other/1"', '"pike/8.0"')


class Server:
    def __init__(self, folder, stekd=None, deadline=5000):
        self.certificate = folder / 'server.pem'
        if not self.certificate.exists():
            make_certificate(self.certificate)
        words = [f'--stekd={stekd}', f'--deadline={deadline}'] if stekd else []
        self.process = subprocess.Popen([PIKE, SERVER, '--port=0', f'--certificate={self.certificate}', *words],
                                        stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # whatever becomes of the test
        line = self.process.stdout.readline()
        assert line.startswith('listening on 127.0.0.1 '), line
        self.port = int(line.split()[-1])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def make_certificate(path):
    made = subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', '-', '-out', '-',
                           '-days', '2', '-subj', '/CN=localhost',
                           '-addext', 'subjectAltName=DNS:localhost,DNS:other.example'], capture_output=True, check=True)
    path.write_bytes(made.stdout)


class Client:
    """One connection to a server; True where it resumed."""

    def __init__(self, server, *words, name='localhost'):
        ran = subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{server.port}', '-tls1_2', '-ign_eof',
                              '-servername', name, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             errors='replace', timeout=60)
        self.said = ran.stdout + ran.stderr
        assert f'hello from process {server.process.pid}' in self.said, self.said
        self.resumed = '\nReused, TLSv1.2' in self.said
        assert self.resumed != ('\nNew, TLSv1.2' in self.said), self.said

    @property
    def key_name(self):
        """The first bytes of its ticket, or None."""
        found = KEY_NAME.search(self.said)
        return found and re.sub('[ -]', '', found[1])


def pike_alone_forgets(folder):
    kept = folder / 'session.pem'
    server = Server(folder)
    check(not Client(server, '-sess_out', kept).resumed, 'a first handshake is a full one')
    check(Client(server, '-sess_in', kept).resumed, 'Pike alone resumes in the process that gave the ticket')
    server.kill()
    server = Server(folder)
    check(not Client(server, '-sess_in', kept).resumed, 'and not after a restart')
    server.kill()


def with_stekd_it_does_not(folder):
    stekd = Daemon(folder)
    kept = folder / 'session.pem'
    server = Server(folder, stekd.shop)
    first = Client(server, '-sess_out', kept)
    check(not first.resumed and first.key_name, 'a first handshake is a full one, and gives a ticket')
    check(Client(server, '-sess_in', kept).resumed, 'which resumes')
    beside = Server(folder, stekd.shop)
    check(Client(beside, '-sess_in', kept).resumed, 'on a second process too')
    beside.kill()
    server.kill()
    server = Server(folder, stekd.shop)
    again = Client(server, '-sess_in', kept)
    check(again.resumed and again.key_name == first.key_name, 'and after a restart, with a fresh ticket')
    check(not Client(server, '-sess_in', kept, name='other.example').resumed, 'under its own server name alone')

    time.sleep(1.1)  # a ring counts whole seconds
    check(post(stekd.admin, '/v1/rotate?force', '').status == 200, 'the keys are rotated')
    renewed = Client(server, '-sess_in', kept)
    check(renewed.resumed and renewed.key_name not in (None, first.key_name), 'it resumes, and leaves under the new key')
    server.kill()

    (folder / 'server.pem').unlink()
    server = Server(folder, stekd.shop)
    check(not Client(server, '-sess_in', kept).resumed, 'another certificate is another server')
    server.kill()
    stekd.stop()


def without_an_answer_it_goes_on(folder):
    stekd = Daemon(folder)
    kept = folder / 'session.pem'
    server = Server(folder, stekd.shop)
    Client(server, '-sess_out', kept)
    server.kill()
    server = Server(folder, stekd.shop, deadline=100)
    stekd.signal(signal.SIGSTOP)
    os.waitpid(stekd.process.pid, os.WUNTRACED)
    halted = Client(server, '-sess_in', kept)
    check(not halted.resumed and halted.key_name is None, 'a daemon that has come to a halt: full, without a ticket')
    stekd.signal(signal.SIGCONT)
    check(wait_until(lambda: Client(server, '-sess_in', kept).resumed), 'until it goes on')
    stekd.stop()
    gone = Client(server, '-sess_in', kept)
    check(not gone.resumed and gone.key_name is None, 'likewise where it is gone')
    stekd.start()
    check(wait_until(lambda: Client(server, '-sess_in', kept).resumed), 'until it is back')
    server.kill()
    server = Server(folder, stekd.blog)
    other = Client(server, '-sess_in', kept)
    check(not other.resumed and other.key_name is None, 'a realm that has not the label gives no ticket and takes none')
    server.kill()
    stekd.stop()


run(pike_alone_forgets, with_stekd_it_does_not, without_an_answer_it_goes_on)
