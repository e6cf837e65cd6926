"""The admin socket, and what metrics_listen shows of it: admin.py STEKD STEK"""

import base64
import hashlib
import html.parser
import http.client
import json
import os
import re
import subprocess
import sys
import time

from daemon import RINGS, SECRET, SESSION, Stekd, ask, check, decoded, get, post, rest_of, run, wait_until


def ring_of(stekd):
    return get(stekd.admin, '/v1/ring').json


def active(ring):
    return [key['name'] for key in ring['keys'] if key['phase'] == 'active']


def the_ring_and_its_changes(folder):
    stekd = Stekd(folder)
    shown = json.loads(subprocess.check_output([sys.argv[2], 'keys', 'list', '--json', '--ring', stekd.ring]))
    ring = ring_of(stekd)
    # A key that began in this second is followed in the next.
    time.sleep(1.1)
    check({**shown, 'now': 0} == {**ring, 'now': 0}, "the ring is what 'stek keys list --json' prints")
    old = stekd.issue()
    check(decoded(old)[:16].hex() == active(ring)[0], 'the active key seals')

    answer = post(stekd.admin, '/v1/rotate', '', None)
    check(answer.status == 200 and answer.json['changes'] == [], 'nothing is due')
    answer = post(stekd.admin, '/v1/rotate?now', '', None).json
    check('announced' in [change['change'] for change in answer['changes']], 'now: one is announced')
    check(active(ring_of(stekd)) == active(ring), 'and seals when all machines have it')
    answer = post(stekd.admin, '/v1/rotate?force', '', None).json
    check('sealing' in [change['change'] for change in answer['changes']], 'force: another seals')
    new = stekd.issue()
    check(decoded(new)[:16] != decoded(old)[:16], 'at once')
    verdict = stekd.resume(old)['verdict']
    check(verdict['outcome'] == 'resume' and verdict['renew'], 'the old one resumes, and is to be renewed')
    rotated = stekd.events('rotated')[-1]
    check(rotated['user'] == os.getuid() and rotated['generation'] == answer['generation'], 'the log says who did it')

    name = decoded(old)[:16].hex()
    answer = post(stekd.admin, '/v1/revoke', {'name': name[:8]})
    check(answer.status == 200 and answer.json['changes'] == [{'change': 'revoked', 'key': name, 'new': False}], 'revoked')
    check(stekd.resume(old)['verdict']['reason'] == 'unknown_key', 'its tickets are dead')
    check(stekd.resume(new)['verdict']['outcome'] == 'resume', 'those of others not')
    check(post(stekd.admin, '/v1/revoke', {'name': name}).json['changes'] == [], 'twice is once')
    answer = post(stekd.admin, '/v1/revoke', {'all': True})
    check(answer.status == 200 and stekd.resume(new)['verdict']['reason'] == 'unknown_key', 'all')
    check(stekd.resume(stekd.issue())['verdict']['outcome'] == 'resume', 'a new one seals')
    for body in ({}, {'all': False}, {'name': 'ab'}, {'name': 'xyzw'}, {'name': 7}, {'all': True, 'name': name}, [], '', None):
        check(post(stekd.admin, '/v1/revoke', body).problem == 'malformed', f'{body} names no key')
    check(post(stekd.admin, '/v1/revoke', '{', 'x').problem == 'malformed', 'nor does what is no JSON')
    check(post(stekd.admin, '/v1/revoke?dry_run', {'all': True}).problem == 'malformed', 'a query that nobody knows')
    check(post(stekd.admin, '/v1/revoke', {'name': '0' * 32}).problem == 'no_such_key', 'a key that is not there')
    for method, target, status in (('GET', '/v1/rotate', 405), ('POST', '/v1/ring', 405), ('DELETE', '/metrics', 405),
                                   ('GET', '/v1/issue', 404), ('POST', '/v1/rotate?x', 400)):
        check(get(stekd.admin, target, method).status == status, f'{method} {target}: {status}')
    stekd.stop()


def names_that_begin_alike(folder):
    (folder / 'ring.json').write_bytes(subprocess.check_output([sys.executable, RINGS, 'kin']))
    (folder / 'ring.json').chmod(0o600)
    stekd = Stekd(folder)
    names = [key['name'] for key in ring_of(stekd)['keys']]
    answer = post(stekd.admin, '/v1/revoke', {'name': names[0][:4]})
    check(answer.status == 409 and answer.problem == 'ambiguous_name' and names[1] in answer.json['detail'], 'four digits of two keys')
    check(post(stekd.admin, '/v1/revoke', {'name': names[0]}).json['changes'][0]['key'] == names[0], 'a whole name is one')
    stekd.stop()


def health_and_readiness(folder):
    stekd = Stekd(folder, schedule=['--lead', '8s', '--sealing', '60s', '--lifetime', '30s', '--skew', '1s'])
    check(get(stekd.admin, '/healthz').body == b'ok\n', 'it lives')
    ready = get(stekd.admin, '/readyz')
    check(ready.status == 200 and ready.json['ready'] and ready.json['warnings'] == [], 'it is ready')
    check(abs(ready.json['seals_until'] - time.time() - 60) < 5, 'for as long as there are keys')
    stekd.ring.chmod(0o644)
    check(wait_until(lambda: 'was read last' in str(get(stekd.admin, '/readyz').json['warnings']), 15),
          'a warning when the ring was not read for a quarter of a lead')
    check(wait_until(lambda: 'others can read' in str(get(stekd.admin, '/readyz').json['warnings']), 15), 'and why')
    check(get(stekd.admin, '/readyz').status == 200, 'it is ready all the same')
    check('stekd_ring_sync_failures_total 0\n' not in get(stekd.admin, '/metrics').body.decode(), 'failures are counted')
    check(get(stekd.admin, '/v1/ring').problem == 'exposed', 'the ring is not shown')
    check(b'cannot be read' in get(stekd.admin, '/').body, 'and the page says so')
    stekd.ring.chmod(0o600)
    check(wait_until(lambda: not get(stekd.admin, '/readyz').json['warnings'], 15), 'no warning when it can be read again')
    warned, end = [], time.monotonic() + 5
    while time.monotonic() < end:
        warned += get(stekd.admin, '/readyz').json['warnings']
        time.sleep(0.05)
    check(not warned, f'nor one before a quarter of a lead is over: {warned}')
    stekd.stop()


SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\]*",?)*)\})? (\S+)')


def parse(text):
    """Prometheus' text format, strictly: every sample behind its HELP and TYPE. Samples by name and labels."""
    helped, types, samples = set(), {}, {}
    for line in text.splitlines():
        if line.startswith('# HELP '):
            helped.add(line.split(' ')[2])
        elif line.startswith('# TYPE '):
            _, _, name, kind = line.split(' ')
            assert name in helped and name not in types, line
            types[name] = kind
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            family = name if name in types else re.sub('_(bucket|sum|count)$', '', name)
            assert family in types, line
            assert (types[family] == 'counter') == name.endswith('_total'), line
            key = name + ('{' + labels + '}' if labels else '')
            assert key not in samples, line
            samples[key] = float(value)
    return samples, types


def metrics_are_prometheus(folder):
    stekd = Stekd(folder)
    for _ in range(3):
        stekd.resume(stekd.issue())
    post(stekd.shop, '/v1/issue', {**SESSION, 'extended_master_secret': False})
    samples, types = parse(get(stekd.admin, '/metrics').body.decode())
    for name, value in (('stekd_tickets_sealed_total{kind="session"}', 3),
                        ('stekd_tickets_opened_total{kind="session",result="ok"}', 3),
                        ('stekd_tickets_not_sealed_total{error="no_extended_master_secret"}', 1),
                        ('stekd_requests_total{route="issue",status="200"}', 3),
                        ('stekd_requests_total{route="issue",status="422"}', 1),
                        ('stekd_request_duration_seconds_count{route="issue"}', 4),
                        ('stekd_request_duration_seconds_bucket{route="issue",le="+Inf"}', 4),
                        ('stekd_keys{phase="active"}', 1), ('stekd_ring_generation', 1)):
        check(samples.get(name) == value, f'{name} is {samples.get(name)}')
    check(types['stekd_request_duration_seconds'] == 'histogram', 'latency is a histogram')
    check(0 <= samples['stekd_active_key_age_seconds'] < 60, 'the age of the active key')
    ends = samples['stekd_active_key_expiry_timestamp_seconds'] - time.time()
    check(abs(ends - 12 * 3600) < 60, f'its end: {ends}')
    check(abs(samples['stekd_ring_last_sync_timestamp_seconds'] - time.time()) < 30, 'when the ring was read')
    check({'stekd_memory_locked', 'process_start_time_seconds', 'stekd_build_info{version="0.1.0"}'} <= set(samples),
          'and the others')
    stekd.stop()


class Elements(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.styles, self.open = [], [], None

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open = tag

    def handle_data(self, data):
        if self.open == 'style':
            self.styles.append(data)
            self.open = None


def the_page_needs_nothing_else(folder):
    stekd = Stekd(folder)
    stekd.issue()
    post(stekd.admin, '/v1/rotate?force', '', None)
    page = get(stekd.admin, '/')
    check(page.status == 200 and page.headers['Content-Type'] == 'text/html; charset=utf-8', 'a page')
    elements = Elements()
    elements.feed(page.body.decode())
    policy = page.headers['Content-Security-Policy']
    hashes = {"'sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() + "'"
              for style in elements.styles}
    check(policy.startswith("default-src 'none'; style-src ") and len(hashes) == 2, 'with a strict policy')
    check(set(re.search(r'style-src ([^;]*)', policy)[1].split()) == hashes, 'that allows its own styles alone')
    names = {name for _, attributes in elements.tags for name in attributes}
    check(not names & {'src', 'href', 'style', 'srcset'} and not any(name.startswith('on') for name in names),
          'it loads and runs nothing')
    check('script' not in {tag for tag, _ in elements.tags} and 'svg' in {tag for tag, _ in elements.tags}, 'a timeline')
    text = page.body.decode()
    check('prefers-color-scheme: dark' in text and 'rotated' in text and 'tickets issued' in text, 'events and rates')
    check(SECRET not in text, 'and no secret')
    stekd.stop()


def metrics_for_others(folder):
    stekd = Stekd(folder, top='metrics_listen = "127.0.0.1:0"')
    address = next(place for place in stekd.events('started')[0]['listening'] if ':' in place)
    connection = http.client.HTTPConnection(address, timeout=10)
    for target in ('/', '/metrics', '/healthz', '/readyz'):
        check(ask(connection, 'GET', target).status == 200, f'{target} is shown')
    for method, target in (('GET', '/v1/ring'), ('POST', '/v1/rotate'), ('POST', '/v1/revoke'), ('POST', '/v1/issue')):
        check(ask(connection, method, target).status == 404, f'{target} is not')
    check(ask(connection, 'POST', '/metrics').status == 405, 'only to be read')
    stekd.configure()
    check(stekd.reload() and rest_of(connection.sock) == b'', 'who reads it is gone when it is')
    stekd.stop()


def who_administers(folder):
    if os.getuid() != 0:
        return print('skipped: not root')
    stekd = Stekd(folder)
    folder.chmod(0o755)
    stekd.admin.chmod(0o666)
    as_nobody = f'''
import os, socket
os.setgroups([]), os.setgid(65534), os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.connect({str(stekd.admin)!r})
s.sendall(b"GET /v1/ring HTTP/1.0\\r\\n\\r\\n")
print(s.recv(100).decode().split()[1])
'''
    ask_it = [sys.executable, '-c', as_nobody]
    check(subprocess.check_output(ask_it).strip() == b'403', 'another user is none, whatever the mode')
    stekd.configure(config=Stekd.CONFIG.replace('[admin]', '[admin]\nusers = ["nobody"]'))
    check(stekd.reload() and subprocess.check_output(ask_it).strip() == b'200', 'unless the configuration names it')
    stekd.stop()


run(the_ring_and_its_changes, names_that_begin_alike, health_and_readiness, metrics_are_prometheus, the_page_needs_nothing_else,
    metrics_for_others, who_administers)
