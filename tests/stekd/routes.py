"""What the ticket sockets answer: routes.py STEKD STEK"""

import json
import os
import struct
import time

from daemon import (BYTES, HELLO, JSON, SECRET, SESSION, SESSION13, Connection, Stekd, ask, check, decoded, encoded, get,
                    hello_bytes, post, run)


def tickets_in(body):
    """Lifetime hint and tickets of an answer in bytes."""
    lifetime, at, tickets = struct.unpack_from('>I', body)[0], 4, []
    while at < len(body):
        size = struct.unpack_from('>H', body, at)[0]
        tickets.append(body[at + 2:at + 2 + size])
        at += 2 + size
    assert at == len(body)
    return lifetime, tickets


def verdict_in(body):
    """Of /v1/resume in bytes: a dictionary of the header, the reason, and the state behind them."""
    names = ('outcome', 'alert', 'flags', 'age', 'cipher_suite', 'selected_identity', 'replay_identity')
    header = dict(zip(names, struct.unpack_from('>BBBIHH16s', body)))
    size = body[27]
    return header, body[28:28 + size].decode(), body[28 + size:]


def offer(ticket, hello):
    return struct.pack('>H', len(ticket)) + ticket + hello


def labelled(label, data):
    return bytes([len(label)]) + label.encode() + data


def a_session_comes_back(folder):
    stekd = Stekd(folder)
    answer = post(stekd.shop, '/v1/issue', SESSION)
    check(answer.status == 200 and answer.headers['Content-Type'] == JSON, 'a session gives a ticket')
    check(set(answer.json) == {'ticket', 'lifetime_hint'} and answer.json['lifetime_hint'] == 43200, 'and its lifetime')
    check(answer.headers['Cache-Control'] == 'no-store', 'that nobody keeps')
    resumed = stekd.resume(answer.json['ticket'])
    check(resumed['verdict']['outcome'] == 'resume' and not resumed['verdict']['renew'], 'it resumes')
    check({name: resumed['session'][name] for name in SESSION} == SESSION, 'with the session')

    ticket13 = stekd.issue(SESSION13)
    hello13 = {'legacy_version': 'TLS 1.2', 'supported_versions': ['TLS 1.3'], 'cipher_suites': [0x1301],
               'server_name': 'shop.example', 'psk_key_exchange_modes': [1], 'key_share': True,
               'psk_identities': [{'identity': '00' * 200, 'obfuscated_ticket_age': 1},
                                  {'identity': decoded(ticket13).hex(), 'obfuscated_ticket_age': 7}]}
    resumed = post(stekd.shop, '/v1/resume', {'hello': hello13}).json
    check(resumed['verdict']['outcome'] == 'resume' and resumed['selected_identity'] == 1,
          'without a ticket beside it, the hello is looked through')

    several = post(stekd.shop, '/v1/issue?count=3', SESSION).json
    check(len(set(several['tickets'])) == 3 and 'ticket' not in several, 'several tickets of one session')
    check(all(stekd.resume(ticket)['session']['secret'] == SECRET for ticket in several['tickets']), 'each resumes')
    check(len(post(stekd.shop, '/v1/issue?count=1', SESSION).json['tickets']) == 1, 'who counts gets a list')

    in_base64 = post(stekd.shop, '/v1/resume', {'ticket': several['tickets'][0], 'hello': encoded(hello_bytes())}).json
    check(in_base64['session']['secret'] == SECRET, 'a hello in base64')
    with_ticket = encoded(hello_bytes(ticket=decoded(several['tickets'][0])))
    check(post(stekd.shop, '/v1/resume', {'hello': with_ticket}).json['verdict']['outcome'] == 'resume',
          'that brings its ticket')
    check(stekd.stop() == 0, 'it ends well')
    check(SECRET not in stekd.log() and several['tickets'][0] not in stekd.log(), 'no secret and no ticket is logged')


def bytes_say_what_json_says(folder):
    stekd = Stekd(folder)
    ticket = decoded(stekd.issue())
    answer = post(stekd.shop, '/v1/resume', offer(ticket, hello_bytes()), BYTES)
    check(answer.status == 200 and answer.headers['Content-Type'] == BYTES, 'bytes are answered in bytes')
    header, reason, state = verdict_in(answer.body)
    check(header['outcome'] == 1 and header['cipher_suite'] == 0xc02f and reason == 'resumes', 'the verdict')
    check(len(state) == 128 and bytes.fromhex(SECRET) in state, 'the state of the session')

    lifetime, tickets = tickets_in(post(stekd.shop, '/v1/issue', state, BYTES).body)
    check(lifetime == 43200 and len(tickets) == 1, 'a state gives a ticket')
    resumed = stekd.resume(encoded(tickets[0]))
    check({name: resumed['session'][name] for name in SESSION} == SESSION, 'the same session comes back in JSON')
    _, tickets = tickets_in(post(stekd.shop, '/v1/issue?count=8', state, BYTES).body)
    check(len(set(tickets)) == 8, 'eight tickets')
    header, _, _ = verdict_in(post(stekd.shop, '/v1/resume', offer(b'', hello_bytes(ticket=tickets[7])), BYTES).body)
    check(header['outcome'] == 1, 'no ticket beside the hello: its own')

    for hello, outcome in ((hello_bytes(ems=False), 3), (hello_bytes(name=b'other.example'), 2)):
        header, reason, state = verdict_in(post(stekd.shop, '/v1/resume', offer(ticket, hello), BYTES).body)
        said = post(stekd.shop, '/v1/resume', {'ticket': encoded(ticket), 'hello': encoded(hello)}).json
        check(header['outcome'] == outcome and not state, f'{reason}: no session')
        check(said['verdict']['reason'] == reason and 'session' not in said, 'as in JSON')
        check((header['alert'] == 40) == (said['verdict'].get('alert') == 'handshake_failure'), 'and its alert')
    for size in range(len(offer(ticket, hello_bytes()))):
        answer = post(stekd.shop, '/v1/resume', offer(ticket, hello_bytes())[:size], BYTES)
        if answer.problem != 'malformed':
            check(False, f'cut short at {size}: {answer.status}')
    for size in (0, 1, 127, 129, 256):
        answer = post(stekd.shop, '/v1/issue', bytes(size), BYTES)
        check(answer.status == 400 and answer.problem == 'malformed', f'{size} zeros are no state')
    stekd.stop()


def opaque_bytes_come_back(folder):
    stekd = Stekd(folder)
    for size in (0, 1, 2, 3, 300, 16000):
        data = os.urandom(size)
        ticket = post(stekd.shop, '/v1/seal', {'label': 'pike/1', 'data': encoded(data)}).json['ticket']
        opened = post(stekd.shop, '/v1/open', {'label': 'pike/1', 'ticket': ticket}).json
        check(opened['opened'] and decoded(opened['data']) == data, f'{size} bytes')
        body = post(stekd.shop, '/v1/seal', labelled('pike/1', data), BYTES).body
        _, (ticket,) = tickets_in(body)
        body = post(stekd.shop, '/v1/open', labelled('pike/1', ticket), BYTES).body
        check(body[0] == 1 and body[2:2 + body[1]] == b'resumes' and body[2 + body[1]:] == data, f'{size} bytes in bytes')
    other = post(stekd.shop, '/v1/open', {'label': 'other/1', 'ticket': encoded(ticket)})
    check(other.status == 200 and other.json['reason'] == 'other_content', 'another label does not open')
    body = post(stekd.shop, '/v1/open', labelled('other/1', ticket), BYTES).body
    check(body == b'\0' + bytes([len('other_content')]) + b'other_content', 'in bytes neither')
    session = post(stekd.shop, '/v1/open', {'label': 'pike/1', 'ticket': stekd.issue()}).json
    check(session['reason'] == 'other_content', 'a session does not open as opaque')
    check(stekd.resume(encoded(ticket))['verdict']['reason'] == 'other_content', 'nor the reverse')
    for target, member in (('/v1/seal', 'data'), ('/v1/open', 'ticket')):
        answer = post(stekd.shop, target, {'label': 'rustls/0.20', member: ''})
        check(answer.status == 403 and answer.problem == 'label_not_allowed', f'{target}: a label that is not allowed')
        check(post(stekd.blog, target, {'label': 'other/1', member: ''}).status == 403, f'{target}: of another realm')
    big = post(stekd.shop, '/v1/seal', {'label': 'pike/1', 'data': encoded(bytes(20000))})
    check(big.status == 422 and big.problem == 'too_large', 'more than fits')
    stekd.stop()


def realms_are_apart(folder):
    stekd = Stekd(folder, more=f'''[listen.mine]
socket = "{folder}/mine"
users = ["{os.getuid()}=blog"]
[listen.theirs]
socket = "{folder}/theirs"
users = ["{os.getuid() + 1}=blog"]
[realm.strict]
domain = "shop"
require_client_identity = true
context = "{"07" * 16}"
lifetime = "1m"
[listen.strict]
socket = "{folder}/strict"
realm = "strict"
''')
    ticket = stekd.issue()
    check(stekd.resume(ticket, path=stekd.blog)['verdict']['reason'] == 'altered', 'a ticket of one opens in no other')
    opaque = post(stekd.shop, '/v1/seal', {'label': 'pike/1', 'data': ''}).json['ticket']
    check(not post(stekd.blog, '/v1/open', {'label': 'pike/1', 'ticket': opaque}).json['opened'], 'opaque ones neither')
    check(stekd.resume(stekd.issue(path=stekd.blog), path=folder / 'mine')['verdict']['outcome'] == 'resume',
          'a user has a realm')
    answer = post(folder / 'theirs', '/v1/issue', SESSION)
    check(answer.status == 403 and answer.problem == 'not_admitted', 'another user has none')
    check(stekd.resume(ticket, path=folder / 'strict')['verdict']['reason'] == 'identity_missing',
          'a realm has a policy of its own')
    answer = post(folder / 'strict', '/v1/issue', SESSION)
    check(answer.status == 422 and answer.problem == 'identity_missing', 'for issuing too')
    known = {**SESSION, 'client_identity_hash': '11' * 32, 'identity_expires': 1 << 39}
    answer = post(folder / 'strict', '/v1/issue', known)
    check(answer.json.get('lifetime_hint') == 60, 'and a lifetime')
    check(stekd.resume(answer.json['ticket'], path=folder / 'strict')['session']['context'] == '07' * 16, 'a context')
    check(stekd.resume(answer.json['ticket'])['verdict']['reason'] == 'context_differs', 'without which it is a full one')
    answer = post(stekd.shop, '/v1/issue', known)
    check(answer.status == 422 and answer.problem == 'context_missing', 'and no ticket with an identity is given')
    stekd.stop()


def realms_have_policies(folder):
    def place(name, *keys):
        return f'[realm.{name}]\ndomain = "shop"\n' + '\n'.join(keys) + f'\n[listen.{name}]\nsocket = "{folder}/{name}"\nrealm = "{name}"\n'

    stekd = Stekd(folder, more=place('old', 'legacy_ems = "resume"') + place('strict', 'legacy_ems = "abort"', 'cap = "1h"', 'cap_tls13 = "90m"') +
                  place('any', 'tls13_any_server_name = true', 'early_data = true'))
    without = {**SESSION, 'extended_master_secret': False}
    answer = post(folder / 'old', '/v1/issue', without)
    check(answer.status == 200, 'legacy_ems = resume: a ticket without EMS')
    hello = {**HELLO, 'extended_master_secret': False}
    for path, outcome in ((folder / 'old', 'resume'), (stekd.shop, 'full_handshake'), (folder / 'strict', 'abort')):
        verdict = stekd.resume(answer.json['ticket'], hello, path)['verdict']
        check(verdict['outcome'] == outcome, f'legacy_ems at {path.name}: {verdict}')
    old = {**SESSION, 'authenticated_at': int(time.time()) - 7200}
    check(post(stekd.shop, '/v1/issue', old).status == 200, 'a session that was authenticated two hours ago')
    check(post(folder / 'strict', '/v1/issue', old).problem == 'authentication_too_old', 'is over a cap of one')
    for minutes, problem in ((80, None), (100, 'authentication_too_old')):
        old = {**SESSION13, 'authenticated_at': int(time.time()) - 60 * minutes}
        check(post(folder / 'strict', '/v1/issue', old).problem == problem, f'in TLS 1.3 under a cap of its own: {minutes}')
    hello = {'legacy_version': 'TLS 1.2', 'supported_versions': ['TLS 1.3'], 'cipher_suites': ['0x1301'], 'server_name': 'other.example',
             'psk_key_exchange_modes': [1], 'key_share': True, 'early_data': True}
    ticket = stekd.issue({**SESSION13, 'max_early_data_size': 1000})
    hello['psk_identities'] = [{'identity': decoded(ticket).hex(), 'obfuscated_ticket_age': 7}]
    check(stekd.resume(ticket, hello)['verdict']['reason'] == 'server_name_differs', 'TLS 1.3 under another name')
    verdict = stekd.resume(ticket, hello, folder / 'any')['verdict']
    check(verdict['outcome'] == 'resume', f'tls13_any_server_name: {verdict}')
    hello['server_name'] = 'shop.example'
    for path, accepted in ((stekd.shop, False), (folder / 'any', True)):
        verdict = stekd.resume(ticket, hello, path)['verdict']
        check((verdict.get('early_data') == 'accept') == accepted, f'early_data at {path.name}: {verdict}')
    stekd.stop()


def problems_have_names(folder):
    stekd = Stekd(folder)
    session, connection = json.dumps(SESSION), Connection(stekd.shop)
    for method, target, body, kind, status, name in (
            ('GET', '/v1/issue', None, None, 405, 'method_not_allowed'),
            ('PUT', '/v1/issue', session, JSON, 405, 'method_not_allowed'),
            ('POST', '/', session, JSON, 404, 'not_found'),
            ('POST', '/v1/issue/', session, JSON, 404, 'not_found'),
            ('POST', '/metrics', '', JSON, 404, 'not_found'),
            ('POST', '/v1/rotate', '', JSON, 404, 'not_found'),
            ('POST', '/v1/issue', session, None, 415, 'unsupported_media_type'),
            ('POST', '/v1/issue', session, 'text/plain', 415, 'unsupported_media_type'),
            ('POST', '/v1/issue', session, 'application/json5', 415, 'unsupported_media_type'),
            ('POST', '/v1/issue', '{', 'Application/JSON ;charset=utf-8', 400, 'malformed'),
            ('POST', '/v1/issue', '{', 'APPLICATION/OCTET-STREAM', 400, 'malformed'),
            ('POST', '/v1/issue?count=0', session, JSON, 400, 'malformed'),
            ('POST', '/v1/issue?count=9', session, JSON, 400, 'malformed'),
            ('POST', '/v1/issue?count=', session, JSON, 400, 'malformed'),
            ('POST', '/v1/issue?count=2x', session, JSON, 400, 'malformed'),
            ('POST', '/v1/issue?domain=blog', session, JSON, 400, 'malformed'),
            ('POST', '/v1/resume?count=2', '{}', JSON, 400, 'malformed'),
            ('POST', '/v1/issue', '', JSON, 400, 'malformed'),
            ('POST', '/v1/issue', '{', JSON, 400, 'malformed'),
            ('POST', '/v1/issue', '[]', JSON, 400, 'malformed'),
            ('POST', '/v1/issue', '\xff', JSON, 400, 'malformed'),
            ('POST', '/v1/issue', '{"domain": "blog", ' + session[1:], JSON, 400, 'malformed'),
            ('POST', '/v1/issue', '[' * 60000, JSON, 400, 'malformed'),
            ('POST', '/v1/issue', json.dumps({**SESSION, 'secret': '00' * 48}), JSON, 422, 'invalid_session'),
            ('POST', '/v1/issue', json.dumps({**SESSION, 'extended_master_secret': False}), JSON, 422,
             'no_extended_master_secret'),
            ('POST', '/v1/resume', '{}', JSON, 400, 'malformed'),
            ('POST', '/v1/resume', '{"hello": 7}', JSON, 400, 'malformed'),
            ('POST', '/v1/resume', '{"hello": "AAAA"}', JSON, 400, 'malformed'),
            ('POST', '/v1/resume', '{"hello": "====="}', JSON, 400, 'malformed'),
            ('POST', '/v1/resume', json.dumps({'hello': HELLO, 'ticket': '*'}), JSON, 400, 'malformed'),
            ('POST', '/v1/resume', json.dumps({'hello': HELLO, 'more': 1}), JSON, 400, 'malformed'),
            ('POST', '/v1/seal', '{"label": 1, "data": ""}', JSON, 400, 'malformed'),
            ('POST', '/v1/seal', '{"label": "pike/1"}', JSON, 400, 'malformed'),
            ('POST', '/v1/seal', b'', BYTES, 400, 'malformed'),
            ('POST', '/v1/open', b'\x07pike/1', BYTES, 400, 'malformed')):
        answer = ask(connection, method, target, body.encode('latin-1') if isinstance(body, str) else body, kind)
        check(answer.status == status and answer.problem == name,
              f'{method} {target} {kind} {body and body[:40]!r}: {answer.status} {answer.body[:200]}')
    flawed = ask(connection, 'POST', '/v1/issue', json.dumps({**SESSION, 'secret': '00' * 48}), JSON).json
    check(flawed['detail'] == 'session: /secret: all zero', 'the flaw of a session is named')
    check(ask(connection, 'POST', '/v1/issue', session, JSON + '; charset=utf-8').status == 200,
          'a charset is no other type')
    check(get(stekd.shop, '/v1/issue').headers['Allow'] == 'POST', 'what is allowed is said')
    check(SECRET not in stekd.log(), 'no secret is logged')
    stekd.stop()


def strange_tickets_are_answers(folder):
    stekd = Stekd(folder)
    ticket = decoded(stekd.issue())
    for strange, reason in ((b'', 'no_ticket'), (b'x', 'ticket_length'), (bytes(200), 'unknown_key'),
                            (ticket[:-1], 'ticket_length'), (ticket[:-1] + bytes([ticket[-1] ^ 1]), 'altered')):
        answer = post(stekd.shop, '/v1/resume', {'ticket': encoded(strange), 'hello': HELLO})
        check(answer.status == 200 and answer.json['verdict']['reason'] == reason, f'{reason}: {answer.body}')
        check('session' not in answer.json, 'and no session')
    refused = stekd.events('refused')
    check(refused and refused[0]['realm'] == 'shop' and refused[0]['reason'] == 'ticket_length', 'the log says why, but not of who came without')
    for _ in range(100):
        post(stekd.shop, '/v1/resume', {'ticket': encoded(bytes(200)), 'hello': HELLO})
    told = len(stekd.events('refused'))
    check(told < 60, f'but not of each of many: {told}')
    metrics = get(stekd.admin, '/metrics').body.decode()
    check('stekd_tickets_opened_total{kind="session",result="unknown_key"} 101\n' in metrics, 'all are counted')
    stekd.stop()


run(a_session_comes_back, bytes_say_what_json_says, opaque_bytes_come_back, realms_are_apart, realms_have_policies, problems_have_names,
    strange_tickets_are_answers)
