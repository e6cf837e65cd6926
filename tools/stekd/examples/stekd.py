"""stekd from Python, with nothing but Python's own modules.

    tickets = Stekd('/run/stekd/shop.sock')
    issued = tickets.issue(session)            # {'ticket': BASE64, 'lifetime_hint': SECONDS}, or None
    answer = tickets.resume(ticket, hello)     # {'verdict': {...}, 'session': {...}}
    if answer['verdict']['outcome'] == 'resume': ...

A session is an object as `stek ticket issue` reads it. A hello is one too, or the ClientHello's bytes. What goes
wrong with the daemon is a handshake without a ticket, or a full one: `trouble` says what it was.

A Stekd is for one thread. `timeout` is in seconds, and for each step of a call: to connect, to send, to receive.

    python3 stekd.py /run/stekd/shop.sock      # shows all of it
"""

import base64
import http.client
import json
import socket
import sys


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__('stekd', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Stekd:
    def __init__(self, path, timeout=0.01):
        self.connection = Connection(path, timeout)
        self.trouble = None

    def issue(self, session):
        return self.ask('/v1/issue', session)

    def resume(self, ticket, hello):
        if isinstance(hello, bytes):
            hello = base64.b64encode(hello).decode()
        answer = self.ask('/v1/resume', {'ticket': ticket, 'hello': hello})
        return answer or {'verdict': {'outcome': 'full_handshake', 'reason': self.trouble}}

    def ask(self, target, body):
        """None, and the trouble, where there is no answer."""
        kept = self.connection.sock is not None
        try:
            return self.ask_once(target, body)
        except ConnectionError as error:  # RemoteDisconnected among them: stekd closes what is idle
            self.connection.close()
            if kept:
                return self.ask(target, body)
            self.trouble = str(error)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.connection.close()
            self.trouble = str(error)
        return None

    def ask_once(self, target, body):
        self.connection.request('POST', target, json.dumps(body), {'Content-Type': 'application/json'})
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        self.trouble = None if response.status == 200 else answer['title']
        return answer if response.status == 200 else None


def main(path):
    tickets = Stekd(path)
    session = {'version': 'TLS 1.2', 'cipher_suite': 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
               'secret': '5a3c' + 46 * '17', 'extended_master_secret': True, 'server_name': 'shop.example'}
    hello = {'legacy_version': 'TLS 1.2', 'cipher_suites': [session['cipher_suite']], 'extended_master_secret': True}
    issued = tickets.issue(session)
    if issued is None:
        sys.exit(f'no ticket: {tickets.trouble}')
    print('issued for', issued['lifetime_hint'], 's')
    for name in ('shop.example', 'other.example'):
        answer = tickets.resume(issued['ticket'], {**hello, 'server_name': name})
        print(name, answer['verdict']['outcome'], answer['verdict']['reason'],
              'same secret' if answer.get('session', {}).get('secret') == session['secret'] else '')


if __name__ == '__main__':
    main(sys.argv[1])
