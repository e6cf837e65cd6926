"""Rings between stek and the second implementation: each reads what the other wrote, in plain, sealed, and for one domain."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import stek_format as stek

STEK = sys.argv[1]
failures = []
checked = 0


def check(condition, what):
    global checked
    checked += 1
    if not condition:
        failures.append(what)
        print('FAIL', what)


def run(*words):
    done = subprocess.run([STEK, 'keys', *words], capture_output=True, text=True)
    check(done.returncode == 0, f'stek keys {" ".join(map(str, words))}: {done.stderr}')
    return done.stdout


def listed(*words):
    return json.loads(run('list', '--json', *words))


def write_secret(path, content):
    path.touch(0o600)
    path.write_bytes(content)
    return path


def python_reads_what_stek_wrote(folder):
    kek = os.urandom(32)
    options = ['--ring', folder / 'sealed', '--kek', write_secret(folder / 'kek', kek)]
    run('init', *options)
    files = [os.urandom(48), os.urandom(80)]
    for number, content in enumerate(files):
        run('import', '--from', write_secret(folder / f'server{number}', content), *options)
    before, _ = stek.parse_ring(stek.open_ring((folder / 'sealed').read_bytes(), kek))
    run('revoke', before['keys'][0]['name'], '--yes', *options)

    public, secrets = stek.parse_ring(stek.open_ring((folder / 'sealed').read_bytes(), kek))
    check(public['generation'] == before['generation'] + 1, 'a change is one generation')
    check(public['revoked'][0]['name'] == before['keys'][0]['name'], 'the tombstone of the revoked key')
    check(public['keys'][0]['name'] != before['keys'][0]['name'], 'another key seals')
    check([bytes.fromhex(key['name']) + secret for key, secret in zip(public['foreign'], secrets[-2:])] == files,
          'foreign keys as they came')
    shown = listed(*options)
    for member in ('id', 'generation', 'schedule', 'created_at', 'written_at'):
        check(shown[member] == public[member], f'list --json has the {member} of the document')
    return public, secrets, kek


def stek_reads_what_python_wrote(folder, public, secrets, kek):
    document = stek.build_ring(public, secrets)
    path = write_secret(folder / 'built', document)
    check(listed('--ring', path)['generation'] == public['generation'], 'a document in plain')
    path = write_secret(folder / 'resealed', stek.seal_ring(document, kek, os.urandom(24)))
    check(listed('--ring', path, '--kek', folder / 'kek')['id'] == public['id'], 'a sealed ring')


def one_domain_has_its_own_keys(folder, public, secrets):
    domain = 'shop'
    whole = ['--ring', folder / 'sealed', '--kek', folder / 'kek']
    run('export', '--domain', domain, '--to', folder / 'shop', *whole)
    exported, its_secrets = stek.parse_ring((folder / 'shop').read_bytes())
    check(bytes.fromhex(exported['domain']) == domain.encode(), 'the exported ring names its domain')
    check(its_secrets == [stek.domain_key(secret, domain.encode()) for secret in secrets[:len(public['keys'])]],
          'K_dom in place of every STEK, and nothing else')
    check(exported['keys'] == public['keys'] and 'foreign' not in exported, 'the same keys, no foreign ones')
    blob = (folder / 'shop').read_bytes()
    check(not any(secret in blob for secret in secrets), 'no STEK in it')


with tempfile.TemporaryDirectory() as name:
    place = Path(name)
    written = python_reads_what_stek_wrote(place)
    stek_reads_what_python_wrote(place, *written)
    one_domain_has_its_own_keys(place, *written[:2])
print(f'{checked} checks, {len(failures)} failed')
sys.exit(1 if failures else 0)
