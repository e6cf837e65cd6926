"""TCP with mutual TLS 1.3: a client's certificate says in which realm it is served: tls.py STEKD STEK"""

import ctypes
import http.client
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

from daemon import HELLO, ISSUE, JSON, SESSION, Stekd, ask, check, run

if not shutil.which('openssl'):
    print('no openssl here')
    sys.exit(77)


def openssl(folder, *words):
    subprocess.run(['openssl', *words], cwd=folder, check=True, capture_output=True)


def authority(folder, name):
    openssl(folder, 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
            '-subj', f'/CN={name}', '-keyout', f'{name}.key', '-out', f'{name}.pem')


def certificate(folder, issuer, name, more=''):
    openssl(folder, 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', f'/CN={name}',
            '-keyout', f'{name}.key', '-out', f'{name}.csr')
    (folder / 'extensions').write_text(f'subjectAltName=IP:127.0.0.1,DNS:{name}\n{more}')
    openssl(folder, 'x509', '-req', '-in', f'{name}.csr', '-CA', f'{issuer}.pem', '-CAkey', f'{issuer}.key',
            '-CAcreateserial', '-days', '2', '-extfile', 'extensions', '-out', f'{name}.pem')


def rename(folder, issuer, name, to):
    """Gives a certificate a name that 'openssl' would not: one of over 64 characters."""
    crypto = ctypes.CDLL('libcrypto.so.3')
    for function in ('BIO_new_file', 'PEM_read_bio_X509', 'PEM_read_bio_PrivateKey', 'X509_NAME_new', 'EVP_sha256'):
        getattr(crypto, function).restype = ctypes.c_void_p
    def at(pointer):
        return ctypes.c_void_p(pointer)
    def opened(file, mode):
        return at(crypto.BIO_new_file(str(folder / file).encode(), mode))
    renamed = at(crypto.PEM_read_bio_X509(opened(f'{name}.pem', b'r'), None, None, None))
    key = at(crypto.PEM_read_bio_PrivateKey(opened(f'{issuer}.key', b'r'), None, None, None))
    subject, utf8 = at(crypto.X509_NAME_new()), 12
    crypto.X509_NAME_add_entry_by_txt(subject, b'CN', utf8, to.encode(), -1, -1, 0)
    crypto.X509_set_subject_name(renamed, subject)
    crypto.X509_sign(renamed, key, at(crypto.EVP_sha256()))
    file = opened(f'{name}.pem', b'w')
    crypto.PEM_write_bio_X509(file, renamed)
    crypto.BIO_free(file)


def fingerprint(folder, name):
    said = subprocess.check_output(['openssl', 'x509', '-in', f'{name}.pem', '-noout', '-fingerprint', '-sha256'],
                                   cwd=folder, text=True)
    return said.strip().split('=')[1]


def client(folder, address, name=None, **options):
    context = ssl.create_default_context(cafile=str(folder / 'ca.pem'))
    for option, value in options.items():
        setattr(context, option, value)
    if name:
        context.load_cert_chain(folder / f'{name}.pem', folder / f'{name}.key')
    return http.client.HTTPSConnection(address, timeout=10, context=context)


def refused(connection):
    """By the handshake: no request is answered."""
    try:
        ask(connection, 'POST', '/v1/issue', json.dumps(SESSION), JSON)
        return False
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
        return True


def fleet(folder, *clients):
    """A listener for these, with a server's certificate that only its owner can read."""
    certificate(folder, 'ca', 'server')
    (folder / 'server.key').chmod(0o600)
    return f'''[listen.fleet]
tcp = "127.0.0.1:0"
certificate = "{folder}/server.pem"
key = "{folder}/server.key"
client_ca = "{folder}/ca.pem"
clients = {json.dumps(clients)}
'''


def address_of(stekd):
    return next(place for place in stekd.events('started')[0]['listening'] if ':' in place)


def certificates_have_realms(folder):
    for name in ('ca', 'strange'):
        authority(folder, name)
    for name in ('web1', 'web2', 'web3', 'sly'):
        certificate(folder, 'ca', name)
    rename(folder, 'ca', 'sly', 'sha256:' + fingerprint(folder, 'web2').replace(':', '').lower())
    certificate(folder, 'strange', 'intruder')
    listen = fleet(folder, 'web1=shop', f"sha256:{fingerprint(folder, 'web2')}=blog")
    stekd = Stekd(folder, more=listen)
    address = address_of(stekd)
    session = json.dumps(SESSION)

    web1, web2 = client(folder, address, 'web1'), client(folder, address, 'web2')
    ticket = ask(web1, 'POST', '/v1/issue', session, JSON).json['ticket']
    check(web1.sock.version() == 'TLSv1.3', 'TLS 1.3')
    body = json.dumps({'ticket': ticket, 'hello': HELLO})
    check(ask(web1, 'POST', '/v1/resume', body, JSON).json['verdict']['outcome'] == 'resume', 'a name has a realm')
    check(ask(web2, 'POST', '/v1/resume', body, JSON).json['verdict']['reason'] == 'altered', 'a fingerprint another')
    check(stekd.resume(ticket)['verdict']['outcome'] == 'resume', 'the realm is that of the Unix socket')
    web3 = client(folder, address, 'web3')
    check(ask(web3, 'POST', '/v1/issue', session, JSON).problem == 'not_admitted', 'who is in none is told so')
    sly = client(folder, address, 'sly')
    check(ask(sly, 'POST', '/v1/issue', session, JSON).problem == 'not_admitted', 'a name that spells a fingerprint is none')
    check(ask(web1, 'POST', '/v1/issue', session[:-1] + ' ' * 60000 + '}', JSON).status == 200, 'a long request')

    check(refused(client(folder, address)), 'no certificate, no connection')
    check(refused(client(folder, address, 'intruder')), 'nor with one of another authority')
    check(refused(client(folder, address, 'web1', maximum_version=ssl.TLSVersion.TLSv1_2)), 'nor in TLS 1.2')
    check(refused(http.client.HTTPConnection(address, timeout=10)), 'nor in plain')

    stekd.configure(more=listen.replace('web1=shop', 'web3=shop'))
    check(stekd.reload(), 'another configuration')
    check(ask(web1, 'POST', '/v1/issue', session, JSON).problem == 'not_admitted', 'takes a realm from who is connected')
    check(ask(web3, 'POST', '/v1/issue', session, JSON).status == 200, 'and gives it to another')
    for wrong, words in (
            ('clients = ["sha256:12=shop"]', 'sha256:12 is no fingerprint'), ('users = ["root=shop"]', 'listen.fleet.users: goes with socket'),
            ('mode = "0600"', 'listen.fleet.mode: goes with socket'), ('group = "root"', 'listen.fleet.group: goes with socket'),
            (f'clients = ["web1=shop", "web1=blog"]', 'listen.fleet: web1 is given twice')):
        stekd.configure(more=re.sub('clients = .*', wrong, listen) + 'realm = "shop"\n')
        check(not stekd.reload() and words in stekd.events('not_reloaded')[-1]['text'], f'{wrong}: {stekd.events()[-1]}')
    stekd.configure(more=listen.replace('web1=shop', 'web3=shop'))
    (folder / 'server.key').chmod(0o644)
    check(not stekd.reload() and 'chmod 600' in stekd.events('not_reloaded')[-1]['hint'], 'a key that others can read')
    (folder / 'server.key').write_text('no key')
    (folder / 'server.key').chmod(0o600)
    check(not stekd.reload() and 'server.key' in stekd.events('not_reloaded')[-1]['text'], 'a key that is none')
    check(ask(web3, 'POST', '/v1/issue', session, JSON).status == 200, 'all stays as it was')
    check(stekd.stop() == 0, 'it stops')
    for number, line in enumerate(stekd.log().splitlines()):
        check('PRIVATE KEY' not in line and ticket not in line, f'no secret in line {number}')


class Piecewise:
    """A client whose records can be sent in parts."""

    def __init__(self, folder, address, name):
        context = ssl.create_default_context(cafile=str(folder / 'ca.pem'))
        context.load_cert_chain(folder / f'{name}.pem', folder / f'{name}.key')
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        host, port = address.split(':')
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.retried(self.tls.do_handshake)
        self.socket.sendall(self.outgoing.read())

    def retried(self, work):
        while True:
            try:
                return work()
            except ssl.SSLWantReadError:
                self.socket.sendall(self.outgoing.read())
                part = self.socket.recv(65536)
                if not part:
                    return b''
                self.incoming.write(part)

    def record_of(self, data):
        self.tls.write(data)
        return self.outgoing.read()

    def answer(self):
        return self.retried(lambda: self.tls.read(65536))


def a_part_of_a_record_is_a_request_that_began(folder):
    authority(folder, 'ca')
    certificate(folder, 'ca', 'web1')
    stekd = Stekd(folder, top='deadline = "700ms"\nidle = "8s"', more=fleet(folder, 'web1=shop'))
    address = address_of(stekd)
    client = Piecewise(folder, address, 'web1')
    client.socket.sendall(client.record_of(ISSUE))
    check(b' 200 OK' in client.answer(), 'a request in one record')
    record, begin = client.record_of(ISSUE), time.monotonic()
    try:
        while record:
            client.socket.sendall(record[:5])
            record = record[5:]
            time.sleep(0.1)
    except OSError:
        pass
    check(0.5 < time.monotonic() - begin < 2, f'one that drips is over at its deadline: {time.monotonic() - begin:.2f}')

    client = Piecewise(folder, address, 'web1')
    client.socket.sendall(client.record_of(ISSUE))
    check(b' 200 OK' in client.answer(), 'another connection')
    record = client.record_of(ISSUE)
    client.socket.sendall(record[:100])
    time.sleep(0.2)
    stekd.signal(signal.SIGTERM)
    time.sleep(0.1)
    client.socket.sendall(record[100:])
    answer = client.answer()
    check(b' 200 OK' in answer and b'Connection: close' in answer, f'half a record is finished after SIGTERM: {answer}')
    check(stekd.stop() == 0, 'then it ends')


def a_name_that_is_cut_is_none(folder):
    authority(folder, 'ca')
    certificate(folder, 'ca', 'web1')
    rename(folder, 'ca', 'web1', 300 * 'a')
    stekd = Stekd(folder, more=fleet(folder, f"{255 * 'a'}=shop"))
    address = address_of(stekd)
    answer = ask(client(folder, address, 'web1'), 'POST', '/v1/issue', json.dumps(SESSION), JSON)
    check(answer.problem == 'not_admitted', 'a name of 300 bytes is not its first 255')
    stekd.stop()


run(certificates_have_realms, a_part_of_a_record_is_a_request_that_began, a_name_that_is_cut_is_none)
