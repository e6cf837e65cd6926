#!/usr/bin/env python3
"""Captures the ClientHellos of tests/vectors/client_hellos.txt from real clients, and writes them to standard output.

    capture.py > tests/vectors/client_hellos.txt

A proxy on loopback records what each client says first to `openssl s_server`; each client comes twice, the second time
with the ticket that it was given. What they should parse to is the word of parse_hello.py. Not run by the tests: it
needs, of Debian 12, openssl gnutls-bin libnss3-tools golang-go libmbedtls-dev libwolfssl-dev android-libboringssl-dev.
"""

import json
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import parse_hello

HERE = Path(__file__).resolve().parent
HEADER = """# ClientHellos as they came off the wire, records and all, from real clients; what they say, by a parser of its
# own (tests/interop/hellos/parse_hello.py). tests/interop/hellos/capture.py made this file.
#
# name   which client, version, and whether it brings a ticket
# from   the stack
# bytes  the records that hold the ClientHello
# hello  what it says: the JSON that `stek ticket resume --hello` reads
"""
ANDROID = ['-I/usr/include/android', '-L/usr/lib/x86_64-linux-gnu/android',
           '-Wl,-rpath,/usr/lib/x86_64-linux-gnu/android']
BUILDS = {
    'mbedtls_client': ['-lmbedtls', '-lmbedx509', '-lmbedcrypto'],
    'wolfssl_client': ['-lwolfssl'],
    'boringssl_client': [*ANDROID, '-lssl', '-lcrypto'],
}


class TcpTap:
    """Forwards connections to a server, and keeps the ClientHello that each began with."""

    def __init__(self, server_port):
        self.hellos = []
        self.server_port = server_port
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(('127.0.0.1', self.server_port))
            said = []
            threading.Thread(target=pump, args=(client, server, said.append), daemon=True).start()
            threading.Thread(target=pump, args=(server, client, lambda _: None), daemon=True).start()
            self.hellos.append(said)

    def heard(self):
        return [records_of_hello(b''.join(said)) for said in self.hellos]


def pump(source, sink, note):
    try:
        while data := source.recv(65536):
            note(data)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def records_of_hello(stream):
    """As many records as the first handshake message takes."""
    at, message = 0, b''
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4], 'big'):
        size = int.from_bytes(stream[at + 3:at + 5], 'big')
        message += stream[at + 5:at + 5 + size]
        at += 5 + size
    return stream[:at]


class UdpTap:
    """The same for DTLS: keeps the datagrams that begin with a ClientHello."""

    def __init__(self, server_port):
        self.datagrams = []
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(('127.0.0.1', 0))
        self.port = self.front.getsockname()[1]
        self.server = ('127.0.0.1', server_port)
        self.backs = {}
        threading.Thread(target=self.forward, daemon=True).start()

    def forward(self):
        while True:
            data, client = self.front.recvfrom(65536)
            if client not in self.backs:
                self.backs[client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self.backs[client].connect(self.server)
                threading.Thread(target=self.answer, args=(client,), daemon=True).start()
            if data[0] == 22 and data[3:5] == b'\0\0' and data[13] == 1:
                self.datagrams.append(data)
            try:
                self.backs[client].send(data)
            except ConnectionRefusedError:
                pass  # the server has gone, and the client says goodbye

    def answer(self, client):
        try:
            while data := self.backs[client].recv(65536):
                self.front.sendto(data, client)
        except OSError:
            pass

    def heard(self):
        """As many datagrams as make a whole message are one hello."""
        hellos, parts = [], b''
        for datagram in self.datagrams:
            parts += datagram
            try:
                parse_hello.parse(parts)
            except ValueError:
                continue
            hellos.append(parts)
            parts = b''
        return hellos


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return listener.getsockname()[1]


class Server:
    def __init__(self, folder, *options):
        self.port = free_port()
        self.process = subprocess.Popen(
            ['openssl', 's_server', '-accept', str(self.port), '-cert', 'cert.pem', '-key', 'key.pem', '-alpn',
             'h2,http/1.1', *options],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.4)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def run(folder, *command, wait=1.0):
    """The client, its input held open a moment so that it hears of its ticket."""
    process = subprocess.Popen([str(part) for part in command], cwd=folder, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    time.sleep(wait)
    try:
        output, _ = process.communicate(b'GET / HTTP/1.0\r\n\r\n', timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    return output.decode(errors='replace')


def s_client(folder, port, *options):
    return run(folder, 'openssl', 's_client', '-connect', f'127.0.0.1:{port}', '-servername', 'shop.example',
               *options)


# ---- The clients: each is called with a folder, a port and a version, and connects twice

def openssl(folder, port, version, *more):
    flags = {'tls12': ['-tls1_2'], 'tls13': ['-tls1_3'], 'dtls12': ['-dtls1_2']}[version]
    (folder / 'session').unlink(missing_ok=True)
    s_client(folder, port, *flags, '-alpn', 'h2,http/1.1', '-sess_out', 'session', *more)
    s_client(folder, port, *flags, '-alpn', 'h2,http/1.1', '-sess_in', 'session', *more)


def gnutls(folder, port, version):
    versions = {'tls12': '-VERS-ALL:+VERS-TLS1.2', 'tls13': '-VERS-ALL:+VERS-TLS1.3',
                'dtls12': '-VERS-ALL:+VERS-DTLS1.2'}[version]
    run(folder, 'gnutls-cli', *(['--udp'] if version == 'dtls12' else []), '--no-ca-verification', '--resume',
        '--waitresumption', '--sni-hostname=shop.example', '--alpn=h2', '--alpn=http/1.1', '--priority',
        f'NORMAL:{versions}', '-p', port, '127.0.0.1')


def nss(folder, port, version):
    number = {'tls12': 'tls1.2', 'tls13': 'tls1.3'}[version]
    (folder / 'request').write_text('GET / HTTP/1.0\r\n\r\n')
    run(folder, 'tstclnt', '-h', '127.0.0.1', '-p', port, '-D', '-o', '-u', '-a', 'shop.example', '-V',
        f'{number}:{number}', '-L', '2', '-A', 'request')


def program(name):
    def connect(folder, port, version, *more):
        run(folder, folder / name, port, version, *more, wait=0)
    return connect


CLIENTS = [('OpenSSL', openssl), ('GnuTLS', gnutls), ('NSS', nss), ('Go', program('go_client')),
           ('mbedTLS', program('mbedtls_client')), ('wolfSSL', program('wolfssl_client')),
           ('BoringSSL', program('boringssl_client'))]


def version_texts():
    def package(name):
        text = subprocess.run(['dpkg-query', '-W', '-f=${Version}', name], capture_output=True, text=True).stdout
        return re.match(r'(?:\d+:)?([\d.]+)', text).group(1)
    return {'OpenSSL': f'OpenSSL {package("openssl")}, s_client', 'GnuTLS': f'GnuTLS {package("libgnutls30")}, gnutls-cli',
            'NSS': f'NSS {package("libnss3-tools")}, tstclnt', 'Go': f'Go {package("golang-go")}, crypto/tls',
            'mbedTLS': f'mbed TLS {package("libmbedtls-dev")}', 'wolfSSL': f'wolfSSL {package("libwolfssl-dev")}',
            'BoringSSL': f'BoringSSL of Android {package("android-libboringssl-dev")}, with GREASE'}


def prepare(folder):
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days',
                    '2', '-subj', '/CN=shop.example', '-keyout', 'key.pem', '-out', 'cert.pem'],
                   cwd=folder, check=True, capture_output=True)
    for name, libraries in BUILDS.items():
        subprocess.run(['cc', '-O1', str(HERE / f'{name}.c'), '-o', name, *libraries], cwd=folder, check=True)
    subprocess.run(['go', 'build', '-o', str(folder / 'go_client'), str(HERE / 'go_client.go')], check=True)


def has_ticket(hello):
    return bool(hello.get('psk_identities') or hello.get('session_ticket'))


def show(name, source, records):
    hello = parse_hello.parse(records)
    print(f'\nname = {name}\nfrom = {source}\nbytes = {records.hex()}\nhello = {json.dumps(hello)}')


def capture(folder, stack, client, version, sources, *more, note=''):
    datagrams = version.startswith('dtls')
    options = ['-dtls1_2', '-listen'] if datagrams else ['-www']
    with Server(folder, *options) as server:
        tap = (UdpTap if datagrams else TcpTap)(server.port)
        client(folder, tap.port, version, *more)
        hellos = tap.heard()
    kinds = set()
    for records in hellos:
        kind = 'with a ticket' if has_ticket(parse_hello.parse(records)) else 'without a ticket'
        if kind not in kinds:
            show(f'{stack} {version}{note} {kind}', sources[stack], records)
        kinds.add(kind)
    print(f'{stack} {version}{note}: {len(hellos)} hellos, {sorted(kinds)}', file=sys.stderr)


def capture_early_data(folder, sources):
    with Server(folder, '-early_data', '-max_early_data', '16384') as server:
        tap = TcpTap(server.port)
        (folder / 'early').write_text('hello\n')
        (folder / 'session').unlink(missing_ok=True)
        s_client(folder, tap.port, '-tls1_3', '-alpn', 'h2', '-sess_out', 'session')
        s_client(folder, tap.port, '-tls1_3', '-alpn', 'h2', '-sess_in', 'session', '-early_data', 'early')
        show('OpenSSL tls13 with a ticket and early data', sources['OpenSSL'], tap.heard()[-1])
        return tap.heard()[-1]


def show_cut_up(records, sources):
    message = records[5:]
    cut = b''.join(b'\x16\x03\x01' + len(part).to_bytes(2, 'big') + part
                   for part in (message[:1], message[1:100], message[100:]))
    show('OpenSSL tls13 with a ticket and early data, in three records', sources['OpenSSL'] + ', cut up by hand', cut)


def main():
    sources = version_texts()
    print(HEADER, end='')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for stack, client in CLIENTS:
            for version in ('tls12',) if stack == 'mbedTLS' else ('tls12', 'tls13'):
                capture(folder, stack, client, version, sources)
        for stack, client in CLIENTS:
            if stack in ('OpenSSL', 'GnuTLS', 'mbedTLS', 'wolfSSL'):
                capture(folder, stack, client, 'dtls12', sources)
        capture(folder, 'OpenSSL', openssl, 'dtls12', sources, '-mtu', '256', note=' in fragments')
        capture(folder, 'OpenSSL', openssl, 'tls12', sources, '-maxfraglen', '1024', note=' with a fragment length')
        capture(folder, 'OpenSSL', openssl, 'tls12', sources, '-fallback_scsv', note=' falling back')
        capture(folder, 'mbedTLS', dict(CLIENTS)['mbedTLS'], 'tls12', sources, 'bounded', note=' with short records and HMACs')
        capture(folder, 'BoringSSL', dict(CLIENTS)['BoringSSL'], 'tls13', sources, 'permuted', note=' permuted')
        show_cut_up(capture_early_data(folder, sources), sources)


main()
