"""How stekd starts, rotates, reloads, drains and stops: life.py STEKD STEK"""

import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

from daemon import (HELLO, ISSUE, JSON, RINGS, SESSION, STEK, STEKD, Connection, Stekd, ask, check, encoded, get, post, raw, rest_of,
                    run, wait_until)

HASTY = ['--lead', '1s', '--sealing', '3s', '--lifetime', '2s', '--skew', '1s']


def it_starts_as_a_service(folder):
    stekd = Stekd(folder)
    check(stekd.hears('STATUS=generation 1'), 'the service manager hears how it is')
    check(wait_until(lambda: stekd.hears('WATCHDOG=1')), 'and that it lives')
    for path, mode in ((stekd.shop, 0o660), (stekd.admin, 0o600)):
        check(stat.S_IMODE(path.stat().st_mode) == mode, f'{path.name} has its mode')
    code, said = stekd.refusal('--allow-unlocked')
    check(code == 1 and 'another server answers there' in said, 'a second one does not take its place')
    started = stekd.events('started')[0]
    check(str(stekd.shop) in started['listening'] and started['level'] == 'notice', 'it says where it listens')
    check(stekd.stop() == 0 and stekd.hears('STOPPING=1'), 'it stops when it is told to')
    check(not stekd.shop.exists() and not stekd.admin.exists(), 'its sockets are gone')
    check(len(stekd.events()) == len(stekd.log().splitlines()), 'each line of the log is JSON')

    left = socket.socket(socket.AF_UNIX)
    left.bind(str(stekd.shop))
    left.close()
    stekd.start(env={'JOURNAL_STREAM': '8:1'})
    check(post(stekd.shop, '/v1/issue', SESSION).status == 200, 'it takes the socket of one that was killed')
    check(stekd.stop() == 0 and all(line[0] == '<' and line[2:4] == '>{' for line in stekd.log().splitlines()),
          'under journald lines begin with their priority')


def it_does_not_start(folder):
    stekd = Stekd(folder, start=False)

    def refused(code, *words, **how):
        got, said = stekd.refusal('--allow-unlocked', **how)
        said = said.replace('\\"', '"')
        check(got == code and all(word in said for word in words), f'{words}: {got} {said}')
        checked, said = stekd.refusal('--check', **how)
        check(checked == code and all(word in said for word in words), f'--check, {words}: {checked} {said}')

    checked, said = stekd.refusal('--check')
    check(checked == 0 and said == 'configuration good\n', 'a good configuration')
    for kind, words in (('weak', ('weak secret',)), ('expired', ('has expired', 'clock')), ('newer', ('newer',))):
        stekd.ring.write_bytes(subprocess.check_output([sys.executable, RINGS, kind]))
        stekd.ring.chmod(0o600)
        refused(1, *words)
    stekd.ring.chmod(0o644)
    refused(1, 'others can read', 'chmod 600')
    stekd.ring.unlink()
    refused(4, 'stek keys init')

    good = Stekd.CONFIG
    for wrong, words in (
            ('treads = 2', ('stekd.toml:3', 'treads: unknown key', 'threads')),
            ('threads = 0', ('threads: expected a number from 1 to 64',)),
            ('threads = two', ('threads: expected a number',)),
            ('deadline = "soon"', ('deadline: expected a duration',)),
            ('rotate = maybe', ('rotate: expected true or false',)),
            ('threads = 3\nthreads = 2', ('stekd.toml:4: threads: given twice',)),
            ('[relm.shop]\nlabels = ["x"]', ('stekd.toml:17: relm.shop: unknown section', '[realm.NAME]')),
            ('[realm]\nlabels = ["x"]', ('realm', 'unknown section')),
            ('[realm.x]\nlabel = "x"', ('realm.x.label: unknown key', 'labels')),
            ('[realm.x]\ncontext = "12"', ('realm.x.context: expected 16 bytes',)),
            ('[realm.x]\nlegacy_ems = "no"', ('legacy_ems: expected "full_handshake"',)),
            ('[realm.x]\nlifetime = "8d"', ('lifetime: expected a duration of up to 7d',)),
            ('[listen.x]\nrealm = "shop"', ('listen.x: needs a socket or tcp',)),
            ('[listen.x]\nsocket = "/x"', ('listen.x: serves nobody',)),
            ('[listen.x]\nsocket = "/x"\nrealm = "none"', ('listen.x.realm: no section [realm.none]',)),
            ('[listen.x]\nsocket = "/x"\nusers = ["root"]', ('users: expected',)),
            ('[listen.x]\nsocket = "/x"\nusers = ["nobody-here=shop"]', ('no user nobody-here',)),
            ('[listen.x]\nsocket = "/x"\nmode = "888"\nrealm = "shop"', ('mode: expected permissions',)),
            ('[listen.x]\nsocket = "/x"\nclients = ["web1=shop"]', ('listen.x.clients: goes with tcp',)),
            ('[listen.x]\nsocket = "/x"\nrealm = "shop"\nkey = "/y"', ('stekd.toml:20: listen.x.key: goes with tcp',)),
            ('[listen.x]\ntcp = "127.0.0.1:1"\nrealm = "shop"', ('certificate, key and client_ca',)),
            ('[listen.x]\nsocket = "/x"\nmode = "0600"\ngroup = "no-such"\nrealm = "shop"', ('/x: no group no-such',)),
            ('[listen.x]\nsocket = "/x"\nusers = ["root=shop", "0=blog"]', ('listen.x: 0 is given twice',)),
            ('[listen.x]\nsocket = "/' + 107 * 'x' + '"\nrealm = "shop"', ('the path is too long', '107 bytes')),
            (f'[listen.x]\nsocket = "{stekd.file}"\nrealm = "shop"', ('something that is no socket is there',)),
            ('[realm.shop]\nlabels = ["x"]', ('stekd.toml:17: realm.shop: given twice',)),
            *((f'metrics_listen = "{address}"', (f'{address}: not an address and a port', '127.0.0.1:9464'))
              for address in ('foo', ':9', '127.0.0.1', '127.0.0.1:', '127.0.0.1:99999', '127.0.0.1:+1', 'localhost:9464')),
            (f'[listen.x]\nsocket = "{stekd.folder}/./shop"\nrealm = "shop"', ('another listener',)),
            (f'[listen.x]\nsocket = "{stekd.folder}//admin"\nrealm = "shop"', ('another listener',)),
            ('[listen.x] # where\nsocket = "/x"\nrealm = "shop"', ('stekd.toml:17: [listen.x]: a section has its line for itself',)),
            ('[listen.x]\nsocket = "/x"\n# socket = "/z"\nsocket = "/y" # where\nrealm = "shop"', ('stekd.toml:20: listen.x.socket: given twice',)),
            (f'[listen.x]\nsocket = "{stekd.shop}"\nrealm = "shop"', ('another listener',))):
        top, more = ('', wrong) if wrong.startswith('[') else (wrong, '')
        stekd.configure(top, more, good)
        refused(2, *words)
    stekd.configure(config='ring = "{folder}/ring.json"\n')
    refused(2, 'stekd.toml: no section [listen.NAME]')
    stekd.file.unlink()
    refused(2, 'cannot be read', '--config')


def the_example_is_good(folder):
    stekd = Stekd(folder, start=False)
    example = Path(__file__).resolve().parents[2] / 'tools/stekd/stekd.toml'
    stekd.file.write_text(example.read_text())
    code, said = stekd.refusal('--check', '--ring', str(stekd.ring))
    check(code == 0, f'stekd.toml is a good configuration: {said}')
    keys = re.sub(r'(?m)^# (?=[a-z_]+ = |\[)', '', example.read_text())
    keys = re.sub(r'(?m)^(kek|remember|users|group|tcp|certificate|key|client_ca|clients|mode|.listen.fleet.)\b.*\n|^\[listen.fleet\]\n', '', keys)
    stekd.file.write_text(keys)
    code, said = stekd.refusal('--check', '--ring', str(stekd.ring))
    check(code == 0, f'and so are the keys in its comments: {said}')


def unlocked_memory(folder):
    stekd = Stekd(folder, start=False)
    if os.getuid() == 0:
        for path in (folder, stekd.ring, folder / 'ring.json.lock', stekd.file):
            os.chown(path, 65534, 65534)

    def without_locked_memory():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

    code, said = stekd.refusal(preexec_fn=without_locked_memory)
    check(code == 1, 'without locked memory it does not start')
    for word in ('RLIMIT_MEMLOCK', 'LimitMEMLOCK', '--allow-unlocked'):
        check(word in said, f'the refusal names {word}')
    stekd.start(preexec_fn=without_locked_memory)
    check('memory is not locked against swapping' in get(stekd.admin, '/readyz').json['warnings'], 'allowed, it is told')
    check('stekd_memory_locked 0\n' in get(stekd.admin, '/metrics').body.decode(), 'and measured')
    stekd.stop()


def it_rotates(folder):
    stekd = Stekd(folder, schedule=HASTY)
    generation = get(stekd.admin, '/v1/ring').json['generation']
    gaps, renewed, names, end = 0, 0, set(), time.monotonic() + 8
    while time.monotonic() < end:
        ticket = stekd.issue()
        gaps += stekd.resume(ticket)['verdict']['outcome'] != 'resume'
        names.add(ticket[:20])
        time.sleep(0.05)
    check(gaps == 0 and len(names) >= 3, f'{len(names)} keys sealed, {gaps} tickets were lost')
    check(get(stekd.admin, '/v1/ring').json['generation'] > generation + 2, 'the ring is rotated')
    check(stekd.events('rotated'), 'and that is told')
    stekd.ring.chmod(0o644)
    check(wait_until(lambda: stekd.events('not_rotating'), 15), 'trouble is told')
    check(wait_until(lambda: stekd.hears('STATUS=not rotating: ')), 'to the service manager too')
    check(any('is not rotated: ' in warning and 'others can read' in warning
              for warning in get(stekd.admin, '/readyz').json['warnings']), 'and to who asks whether it is ready')
    check('stekd_ring_rotation_failures_total 0\n' not in get(stekd.admin, '/metrics').body.decode(), 'and counted')
    check(wait_until(lambda: get(stekd.admin, '/readyz').status == 503, 15), 'until no key seals: not ready')
    stekd.hears('')
    answer = post(stekd.shop, '/v1/issue', SESSION)
    check(answer.status == 503 and answer.problem == 'no_active_key' and answer.headers['Retry-After'] == '10',
          'no ticket then')
    check(get(stekd.admin, '/readyz').json['reason'] == 'no_active_key', 'the reason is named')
    check(wait_until(lambda: stekd.events('no_active_key')), 'and logged')
    check(not stekd.reload(), 'it does not reload what it cannot read')
    stekd.ring.chmod(0o600)
    check(stekd.reload(), 'told when the trouble is over, it looks at once')
    check(wait_until(lambda: get(stekd.admin, '/readyz').status == 200), 'and is ready')
    check(len(stekd.events('not_rotating')) == 1, 'trouble was told once')
    check(not get(stekd.admin, '/readyz').json['warnings'], 'no word of it any more')
    stekd.ring.chmod(0o644)
    check(wait_until(lambda: get(stekd.admin, '/readyz').status == 503, 15), 'once more')
    stekd.ring.chmod(0o600)
    check(wait_until(lambda: get(stekd.admin, '/readyz').status == 200, 8), 'told nothing, it tries again in seconds')
    stekd.stop()


def it_follows(folder):
    stekd = Stekd(folder, top='rotate = false', schedule=HASTY)
    generation = get(stekd.admin, '/v1/ring').json['generation']
    time.sleep(4)
    check(get(stekd.admin, '/v1/ring').json['generation'] == generation, 'with rotate = false it leaves the ring alone')
    check(stekd.stop() == 0, 'and ends well')


def reload_is_all_or_nothing(folder):
    stekd = Stekd(folder, top='metrics_listen = "127.0.0.1:0"')
    kept, session = Connection(stekd.shop), json.dumps(SESSION)
    ticket = ask(kept, 'POST', '/v1/issue', session, JSON).json['ticket']
    inode = stekd.shop.stat().st_ino
    more = '[realm.new]\ndomain = "shop"\n[listen.new]\nsocket = "{folder}/new"\nrealm = "new"\n'
    stekd.configure(more=more.format(folder=folder))
    check(stekd.reload() and stekd.hears('RELOADING=1\nMONOTONIC_USEC='), 'a new configuration is taken')
    check(stekd.resume(ticket, path=folder / 'new')['verdict']['outcome'] == 'resume', 'with its new listener')
    kept_at_new = Connection(folder / 'new')
    check(ask(kept_at_new, 'POST', '/v1/issue', session, JSON).status == 200, 'who is connected there is served')
    check(stekd.shop.stat().st_ino == inode, 'the others are the same')
    check(ask(kept, 'POST', '/v1/issue', session, JSON).status == 200, 'and so are connections')

    for wrong in ('[listen.bad]\nsocket = "/nowhere/x"\nrealm = "shop"\n', '[realm.x]\nlabel = "x"\n',
                  f'[listen.bad]\nsocket = "{folder}/bad"\nrealm = "shop"\n[listen.worse]\nsocket = "{folder}/x/y"\n'
                  'realm = "shop"\n'):
        stekd.configure(more=wrong)
        check(not stekd.reload(), 'one that is wrong is not')
        check(stekd.resume(ticket, path=folder / 'new')['verdict']['outcome'] == 'resume', 'the old one is served')
        check(not (folder / 'bad').exists(), 'and nothing of the wrong one')
    check('all stays as it was' in stekd.events('not_reloaded')[-1]['hint'], 'which is told')

    config = Stekd.CONFIG.replace('realm = "blog"', 'realm = "shop"')
    stekd.configure(config=config)
    check(stekd.reload(), 'a listener may get another realm')
    check(stekd.resume(ticket, path=stekd.blog)['verdict']['outcome'] == 'resume', 'which is served at once')
    check(not (folder / 'new').exists(), 'one that is gone leaves no socket')
    check(rest_of(kept_at_new.sock) == b'', 'nor a connection')
    stekd.blog.unlink()
    check(stekd.reload() and stekd.resume(ticket, path=stekd.blog)['verdict']['outcome'] == 'resume',
          'a socket that somebody removed is made anew')
    stekd.configure(more=more.format(folder=folder) + '[listen.bad]\nsocket = "/nowhere/x"\nrealm = "shop"\n')
    stekd.blog.unlink()
    check(not stekd.reload() and not stekd.blog.exists(), 'though not by a reload that fails')
    stekd.configure(config=config)
    check(stekd.reload() and stekd.blog.exists(), 'the next one does')

    kept_at_blog = Connection(stekd.blog)
    ask(kept_at_blog, 'POST', '/v1/issue', session, JSON)
    names = Stekd.CONFIG.replace('listen.shop', 'listen.x').replace('listen.blog', 'listen.shop').replace('listen.x', 'listen.blog')
    stekd.configure(config=names)
    check(stekd.reload(), 'listeners may swap their names')
    body = json.dumps({'ticket': ticket, 'hello': HELLO})
    for connection, reason in ((kept, 'resumes'), (kept_at_blog, 'altered')):
        said = ask(connection, 'POST', '/v1/resume', body, JSON).json['verdict']['reason']
        check(said == reason, f'who is connected stays at the place where it came in: {said}')
    stekd.configure(config=config)
    check(stekd.reload(), 'and back')

    stekd.configure(config=config.replace('realm = "shop"', 'mode = "0600"\nrealm = "shop"', 1))
    check(not stekd.reload(), 'the mode of a socket that is there is not changed')
    stekd.configure(config=config)

    other = folder / 'other.json'
    subprocess.run([sys.argv[2], 'keys', 'init', '--ring', other], check=True, capture_output=True)
    os.replace(other, stekd.ring)
    check(not stekd.reload(), 'another ring in its place is not taken over')
    check(stekd.resume(ticket)['verdict']['outcome'] == 'resume', 'tickets of the first one resume')
    before = stekd.ring.read_bytes()
    for target in ('rotate', 'rotate?force'):
        check(post(stekd.admin, f'/v1/{target}', '', None).problem == 'other_ring', f'{target}: it is not changed')
    check(post(stekd.admin, '/v1/revoke', {'all': True}).problem == 'other_ring', 'nor revoked')
    check(stekd.ring.read_bytes() == before, 'it is left as it is')
    stekd.stop()


def reload_takes_no_older_ring(folder):
    """Than the one in use, which somebody else has changed since it was opened."""
    stekd = Stekd(folder)
    ticket = post(stekd.shop, '/v1/issue', SESSION).json['ticket']
    before = stekd.ring.read_bytes()
    subprocess.run([sys.argv[2], 'keys', 'revoke', '--all', '--yes', '--ring', stekd.ring], check=True, capture_output=True)
    end = time.monotonic() + 15
    while stekd.resume(ticket)['verdict']['outcome'] == 'resume' and time.monotonic() < end:
        time.sleep(0.2)
    check(stekd.resume(ticket)['verdict']['reason'] == 'unknown_key', 'a key that another revoked opens no more')
    stekd.ring.write_bytes(before)
    check(not stekd.reload(), 'the ring of before is not taken')
    check(stekd.resume(ticket)['verdict']['reason'] == 'unknown_key', 'and the key stays revoked')
    for target, body in (('rotate?force', None), ('rotate', None), ('revoke', {'all': True})):
        check(post(stekd.admin, f'/v1/{target}', body).problem == 'rolled_back', f'{target}: it is not changed')
    check(get(stekd.admin, '/v1/ring').problem == 'rolled_back', 'it is not shown')
    check([event['event'] for event in stekd.events()][-3:] == ['not_rotated', 'not_rotated', 'not_revoked'], 'all of it told')
    check(wait_until(lambda: 'older than' in str(get(stekd.admin, '/readyz').json['warnings'])), 'and its turns leave it alone')
    check(stekd.ring.read_bytes() == before, 'as it is')
    stekd.stop()


def a_sealed_ring(folder):
    """Under a key-encryption key, and remembered, so that a copy of before is refused after a restart too."""
    kek, ring = folder / 'kek', folder / 'ring.json'
    kek.write_bytes(os.urandom(32))
    kek.chmod(0o600)
    subprocess.run([STEK, 'keys', 'init', '--ring', ring, '--kek', kek], check=True, capture_output=True)
    check(b'"secret"' not in ring.read_bytes(), 'the ring is sealed')
    stekd = Stekd(folder, top=f'remember = "{folder}/remember"', start=False)
    code, said = stekd.refusal('--allow-unlocked')
    check(code != 0 and 'kek' in said, f'without its key stekd does not start: {said}')
    stekd.configure(top=f'remember = "{folder}/remember"\nkek = "{kek}"')
    stekd.start()
    ticket, before = stekd.issue(), ring.read_bytes()
    check(post(stekd.admin, '/v1/rotate?force', '', None).status == 200 and ring.read_bytes() != before, 'it rotates it')
    check(stekd.resume(ticket)['verdict']['outcome'] == 'resume', 'and tickets resume')
    check(not stekd.events('ring_in_plain') and stekd.stop() == 0, 'no word of a ring in plain')
    stekd.configure(top=f'remember = "{folder}/../{folder.name}/ring.json"\nkek = "{kek}"')
    code, said = stekd.refusal('--allow-unlocked')
    check(code == 2 and 'is the ring' in said and 'remove' not in said, f'a ring does not remember itself: {said}')
    stekd.configure(top=f'remember = "{folder}/remember"\nkek = "{kek}"')
    ring.write_bytes(before)
    code, said = stekd.refusal('--allow-unlocked')
    check(code == 1 and 'older' in said, f'the ring of before is remembered: {said}')
    stekd.configure()
    for name, value in (('STEK_KEK', kek), ('STEK_RING', 'file:/nowhere/ring.json')):
        code, said = stekd.refusal('--check', env={**os.environ, name: str(value)})
        check((code == 0) == (name == 'STEK_KEK'), f'{name} goes before the file: {said}')


def reloads_lose_nothing(folder):
    stekd = Stekd(folder)
    lost, done, stop = [], [], threading.Event()

    def work():
        connection, session = Connection(stekd.shop), json.dumps(SESSION)
        while not stop.is_set():
            ticket = ask(connection, 'POST', '/v1/issue', session, JSON).json['ticket']
            body = json.dumps({'ticket': ticket, 'hello': HELLO})
            resumed = ask(connection, 'POST', '/v1/resume', body, JSON).json
            (done if resumed['verdict']['outcome'] == 'resume' else lost).append(resumed)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        check(stekd.reload(), 'it reloads')
        post(stekd.admin, '/v1/rotate?force', '', None)
    stop.set()
    for thread in threads:
        thread.join()
    check(len(done) > 100 and not lost, f'{len(done)} tickets resumed across ten reloads and rotations, {len(lost)} not')
    stekd.stop()


def nobody_waits_for_who_reads_the_log(folder):
    stekd = Stekd(folder)
    connection = Connection(stekd.admin)
    for _ in range(600):
        check(ask(connection, 'POST', '/v1/rotate').status == 200, 'a log that nobody reads holds nobody up')
    metrics = get(stekd.admin, '/metrics').body.decode()
    check('stekd_events_not_logged_total 0\n' not in metrics, 'what is lost is counted')
    check(stekd.stop() == 0, 'and it stops')


def it_drains(folder):
    stekd = Stekd(folder)
    body = json.dumps(SESSION).encode()
    head = b'POST /v1/issue HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' % len(body)
    idle, busy = Connection(stekd.shop), raw(stekd.shop)
    ask(idle, 'POST', '/v1/issue', body, JSON)
    busy.sendall(head + body[:10])
    time.sleep(0.2)
    stekd.signal(signal.SIGTERM)
    check(rest_of(idle.sock) == b'', 'one that is idle is closed')
    try:
        raw(stekd.shop)
        check(False, 'no new ones')
    except OSError:
        pass
    busy.sendall(body[10:])
    answer = rest_of(busy)
    check(b' 200 OK' in answer and b'Connection: close' in answer, 'a request under way is answered')
    check(stekd.stop() == 0, 'then it ends')

    stekd.configure(top='grace = "300ms"\ndeadline = "20s"')
    stekd.start()
    busy = raw(stekd.shop)
    busy.sendall(head)
    time.sleep(0.1)
    begin = time.monotonic()
    check(stekd.stop() == 0 and time.monotonic() - begin < 2, 'who takes too long is left behind')
    stekd.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        stekd.signal(number)
    check(stekd.process.wait(timeout=10) == 0, 'SIGINT does the same')


def what_was_sent_is_answered(folder):
    """A request that is sent before SIGTERM is answered, though nobody has read it then."""
    stekd = Stekd(folder)
    held = [raw(stekd.shop) for _ in range(200)]
    for connection in held:
        connection.sendall(ISSUE)
        connection.recv(65536)
    stekd.signal(signal.SIGSTOP)
    for connection in held:
        connection.sendall(ISSUE)
    stekd.signal(signal.SIGTERM)
    stekd.signal(signal.SIGCONT)
    answers = [rest_of(connection) for connection in held]
    check(all(b' 200 OK' in answer for answer in answers),
          f'of 200 requests {sum(b" 200 OK" in answer for answer in answers)} were answered')
    check(stekd.stop() == 0, 'then it ends')

    stekd.start()
    warm = [raw(stekd.shop) for _ in range(20)]
    for connection in warm:
        connection.sendall(ISSUE)
        connection.recv(65536)
    stekd.signal(signal.SIGSTOP)
    fresh = [raw(stekd.shop) for _ in range(20)]
    for connection in fresh:
        connection.sendall(ISSUE)
    for connection in warm[:10]:
        connection.sendall(5 * ISSUE)
    for connection in warm[10:]:
        connection.sendall(ISSUE[:-20])
    stekd.signal(signal.SIGTERM)
    stekd.signal(signal.SIGCONT)
    for what, connections, count in (('who was not accepted yet', fresh, 1), ('five at once', warm[:10], 5)):
        got = [rest_of(connection).count(b' 200 OK') for connection in connections]
        check(got == [count] * len(connections), f'{what}: {got} answers')
    for connection in warm[10:]:
        connection.sendall(ISSUE[-20:])
    got = [rest_of(connection).count(b' 200 OK') for connection in warm[10:]]
    check(got == [1] * 10, f'one that had begun: {got} answers')
    check(stekd.stop() == 0, 'then it ends')

    # As clients see it that never rest: a request is answered, or could not be sent.
    stekd.start()
    lost = []

    def work():
        connection = raw(stekd.shop)
        while True:
            try:
                connection.sendall(ISSUE)
            except OSError:
                return
            got = connection.recv(65536)
            if not got:
                return lost.append(got)
            if b'Connection: close' in got:
                return

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    check(stekd.stop() == 0, 'under load')
    for thread in threads:
        thread.join()
    check(not lost, f'{len(lost)} of 8 lost a request')


def sockets_are_passed(folder):
    """As systemd does it: the sockets outlive the daemon."""
    stekd = Stekd(folder, start=False)
    sockets = []
    for path in (stekd.shop, stekd.blog):
        sockets.append(socket.socket(socket.AF_UNIX))
        sockets[-1].bind(str(path))
        sockets[-1].listen()

    def start(fds, count=None):
        moved = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]

        def place():
            for i, fd in enumerate(moved):
                os.dup2(fd, 3 + i)
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(moved)))

        script = 'import os, sys; os.environ["LISTEN_PID"] = str(os.getpid()); os.execv(sys.argv[1], sys.argv[1:])'
        stekd.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        (folder / 'notify').unlink(missing_ok=True)
        stekd.notices.bind(str(folder / 'notify'))
        stekd.notices.setblocking(False)
        stekd.heard = stekd.said = ''
        stekd.process = subprocess.Popen(
            [sys.executable, '-c', script, STEKD, '--config', stekd.file, '--allow-unlocked'], stderr=subprocess.PIPE,
            env={**os.environ, 'LISTEN_FDS': count or str(len(fds)), 'NOTIFY_SOCKET': str(folder / 'notify')},
            preexec_fn=place, pass_fds=[*range(3, 3 + len(fds)), *moved])
        os.set_blocking(stekd.process.stderr.fileno(), False)

    waiting = raw(stekd.shop)
    waiting.sendall(b'GET / HTTP/1.0\r\n\r\n')
    start([one.fileno() for one in sockets])
    check(b' 404 ' in rest_of(waiting), 'who came before the daemon is served by it')
    check(wait_until(lambda: stekd.hears('READY=1')), 'it is ready')
    ticket = stekd.issue()
    check(stat.S_ISSOCK(stekd.admin.stat().st_mode), 'what was not passed it makes')
    check(stekd.stop() == 0 and stekd.shop.exists() and not stekd.admin.exists(), 'what was passed it leaves')
    waiting = raw(stekd.shop)
    waiting.sendall(b'GET / HTTP/1.0\r\n\r\n')
    start([one.fileno() for one in sockets])
    check(b' 404 ' in rest_of(waiting), 'who came between two daemons waits for the second')
    check(stekd.resume(ticket)['verdict']['outcome'] == 'resume', 'which knows the tickets of the first')
    check(stekd.stop() == 0, 'it stops')
    with socket.socket(socket.AF_UNIX) as stray:
        stray.bind(str(folder / 'stray'))
        stray.listen()
        start([stray.fileno()])
        check(stekd.process.wait(timeout=10) == 1 and 'no listener is there' in stekd.log(), 'a stray one is refused')
    for what, kind in (('one for datagrams', socket.SOCK_DGRAM), ('one that does not listen', socket.SOCK_STREAM)):
        with socket.socket(socket.AF_UNIX, kind) as wrong:
            stekd.shop.unlink()
            wrong.bind(str(stekd.shop))
            start([wrong.fileno()])
            check(stekd.process.wait(timeout=10) == 1 and 'listens for streams' in stekd.log(), f'{what} is refused')
    for count in ('2', '2147483647', '99999999999'):
        start([sockets[0].fileno()], count)
        check(stekd.process.wait(timeout=10) == 1 and 'descriptor 4, which was passed' in stekd.log(), f'one of {count} is no {count}')


run(it_starts_as_a_service, it_does_not_start, the_example_is_good, unlocked_memory, it_rotates, it_follows, reload_is_all_or_nothing,
    reload_takes_no_older_ring, a_sealed_ring, reloads_lose_nothing, nobody_waits_for_who_reads_the_log, it_drains, what_was_sent_is_answered, sockets_are_passed)
