"""stekd under test, and HTTP to it over its sockets. Nothing but Python's own modules."""

import base64
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEKD, STEK = sys.argv[1:3]
RINGS = Path(__file__).resolve().parent.parent / 'cli/rings.py'
SECRET = bytes(range(0x40, 0x70)).hex()
PSK = bytes(range(0x80, 0xa0)).hex()
SESSION = {'version': 'TLS 1.2', 'cipher_suite': 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'secret': SECRET,
           'extended_master_secret': True, 'server_name': 'shop.example'}
SESSION13 = {'version': 'TLS 1.3', 'cipher_suite': 'TLS_AES_128_GCM_SHA256', 'secret': PSK,
             'server_name': 'shop.example', 'ticket_age_add': 7, 'max_early_data_size': 0}
HELLO = {'legacy_version': 'TLS 1.2', 'cipher_suites': ['0xc02f'], 'server_name': 'shop.example',
         'extended_master_secret': True}
JSON = 'application/json'
# A request for a ticket, in bytes.
BODY = json.dumps(SESSION).encode()
ISSUE = b'POST /v1/issue HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' % len(BODY) + BODY
BYTES = 'application/octet-stream'

failures = []
checked = 0


def check(condition, what):
    global checked
    checked += 1
    if not condition:
        failures.append(what)
        print('FAIL', what, flush=True)


def run(*tests):
    """Each test gets a folder of its own."""
    for test in tests:
        with tempfile.TemporaryDirectory() as name:
            test(Path(name))
    print(f'{checked} checks, {len(failures)} failed')
    sys.exit(1 if failures or not checked else 0)


def wait_until(what, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


class Connection(http.client.HTTPConnection):
    """Over a Unix socket."""

    def __init__(self, path, timeout=10):
        super().__init__('stekd', timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def problem(self):
        """The name of an RFC 9457 problem."""
        if self.headers['Content-Type'] != 'application/problem+json':
            return None
        body = self.json
        assert body['status'] == self.status and body['title'], body
        return body['type'].removeprefix('urn:stek:problem:')


def ask(connection, method, target, body=None, kind=None):
    connection.request(method, target, body, {'Content-Type': kind} if kind else {})
    return Answer(connection.getresponse())


def post(path, target, body, kind=JSON):
    connection = Connection(path)
    try:
        return ask(connection, 'POST', target, json.dumps(body) if kind == JSON else body, kind)
    finally:
        connection.close()


def get(path, target, method='GET'):
    connection = Connection(path)
    try:
        return ask(connection, method, target)
    finally:
        connection.close()


def raw(path):
    """A connection that speaks bytes."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(path))
    return connection


def rest_of(connection):
    got = b''
    try:
        while part := connection.recv(65536):
            got += part
    except ConnectionError:
        pass
    return got


def decoded(text):
    return base64.b64decode(text, validate=True)


def encoded(data):
    return base64.b64encode(data).decode()


def hello_bytes(suites=(0xc02f,), name=b'shop.example', ems=True, ticket=b''):
    """A ClientHello of TLS 1.2 as a handshake message."""
    extensions = struct.pack('>HH', 35, len(ticket)) + ticket
    if ems:
        extensions += struct.pack('>HH', 23, 0)
    entry = b'\0' + struct.pack('>H', len(name)) + name
    extensions += struct.pack('>HHH', 0, len(entry) + 2, len(entry)) + entry
    ciphers = b''.join(struct.pack('>H', suite) for suite in suites)
    body = (b'\3\3' + bytes(32) + b'\0' + struct.pack('>H', len(ciphers)) + ciphers + b'\1\0' +
            struct.pack('>H', len(extensions)) + extensions)
    return b'\1' + len(body).to_bytes(3, 'big') + body


class Stekd:
    """A daemon in a folder, with a ring, two realms, and a service manager that listens."""

    CONFIG = '''
ring = "{folder}/ring.json"
{top}
[admin]
socket = "{folder}/admin"
[realm.shop]
labels = ["pike/1", "other/1"]
[realm.blog]
labels = ["pike/1"]
[listen.shop]
socket = "{folder}/shop"
realm = "shop"
[listen.blog]
socket = "{folder}/blog"
realm = "blog"
{more}
'''

    def __init__(self, folder, top='', more='', schedule=(), start=True, config=None, **how):
        self.folder = folder
        self.shop, self.blog, self.admin = folder / 'shop', folder / 'blog', folder / 'admin'
        self.ring, self.file = folder / 'ring.json', folder / 'stekd.toml'
        if not self.ring.exists():
            subprocess.run([STEK, 'keys', 'init', '--ring', self.ring, *schedule], check=True, capture_output=True)
        self.configure(top, more, config)
        self.process = None
        if start:
            self.start(**how)

    def configure(self, top='', more='', config=None):
        if 'threads' not in top:
            top += '\nthreads = 2'
        self.file.write_text((config or self.CONFIG).format(folder=self.folder, top=top, more=more))

    def start(self, *words, ready=True, env=None, **how):
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        place = self.folder / 'notify'
        place.unlink(missing_ok=True)
        self.notices.bind(str(place))
        place.chmod(0o777)
        self.notices.setblocking(False)
        self.heard = ''
        self.process = subprocess.Popen(
            [STEKD, '--config', self.file, '--allow-unlocked', *words], stderr=subprocess.PIPE,
            env={**os.environ, **(env or {}), 'NOTIFY_SOCKET': str(place), 'WATCHDOG_USEC': '9000000'}, **how)
        os.set_blocking(self.process.stderr.fileno(), False)
        self.said = ''
        if ready:
            good = wait_until(lambda: self.hears('READY=1') or self.process.poll() is not None)
            assert good and self.process.poll() is None, self.log()

    def hears(self, word):
        while True:
            try:
                self.heard += self.notices.recv(4096).decode()
            except BlockingIOError:
                return word in self.heard

    def log(self):
        """Everything that it has said, as text."""
        while not self.process.stderr.closed and (part := self.process.stderr.read()):
            self.said += part.decode()
        return self.said

    def events(self, name=None):
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith('{')]
        return [line for line in lines if name in (None, line['event'])]

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        """True when it took the new configuration."""
        before = len(self.events('reloaded')), len(self.events('not_reloaded'))
        self.signal(signal.SIGHUP)
        wait_until(lambda: (len(self.events('reloaded')), len(self.events('not_reloaded'))) != before)
        return len(self.events('reloaded')) > before[0]

    def stop(self):
        """Its exit code."""
        self.signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        os.set_blocking(self.process.stderr.fileno(), True)
        self.said += self.process.stderr.read().decode()
        self.process.stderr.close()
        return code

    def refusal(self, *words, **how):
        """Of a daemon that does not start: its exit code and what it says."""
        ran = subprocess.run([STEKD, '--config', self.file, *words], capture_output=True, text=True, timeout=20, **how)
        return ran.returncode, ran.stdout + ran.stderr

    def issue(self, session=None, path=None):
        return post(path or self.shop, '/v1/issue', session or SESSION).json['ticket']

    def resume(self, ticket, hello=None, path=None):
        return post(path or self.shop, '/v1/resume', {'ticket': ticket, 'hello': hello or HELLO}).json
