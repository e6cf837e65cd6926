"""The house: who may include whom, who may see libsodium, what stands at the top. DESIGN's edges as a table."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(sys.argv[1])

# A room, and the rooms right below it; what lies below those is allowed too.
EDGES = {
    'base': [],
    'wire': ['base'],
    'session': ['wire'],
    'keys': ['wire'],
    'ticket': ['keys'],
    'resumption': ['session'],
    'store': ['keys'],
    'servers': ['keys'],
    'foreign': ['session', 'servers'],
    'ticketer': ['ticket', 'resumption', 'store'],
    'adapters': ['ticketer', 'foreign'],
    'c_api': ['ticketer', 'foreign'],
}

# The room whose concept a public header shows.
PUBLIC = {
    'bytes.hpp': 'base', 'time.hpp': 'base', 'secret.hpp': 'base', 'error.hpp': 'base',
    'key_memory.hpp': 'base',
    'session.hpp': 'session', 'cipher_suite.hpp': 'session', 'ring.hpp': 'keys', 'resumption.hpp': 'resumption',
    'client_hello.hpp': 'resumption',
    'store.hpp': 'store', 'ticketer.hpp': 'ticketer', 'mbedtls.hpp': 'adapters', 'openssl.hpp': 'adapters',
    'wolfssl.hpp': 'adapters', 'boringssl.hpp': 'adapters',
    'stek.h': 'c_api',
}

TOP = {
    'meson.build', 'meson_options.txt', 'src', 'include', 'tools', 'tests', 'keys', 'README.md',
    'LICENSE', 'CONTRIBUTING.md', 'SECURITY.md', 'FORMAT.md', '.ci', '.gitignore', '.clang-format',
    '.clang-tidy',
}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)

# Libraries that only some rooms may see.
FENCED = {
    'sodium.h': lambda path, room: (room == 'base' and path.suffix == '.cpp') or path.name == 'bare_rows.cpp',
    'intel-ipsec-mb.h': lambda path, room: (room == 'base' and path.suffix == '.cpp') or path.name == 'bare_rows.cpp',
    'nlohmann/': lambda path, room: room in ('wire', 'tools', 'tests'),
    'mbedtls/': lambda path, room: room in ('adapters', 'tools', 'tests'),
    'openssl/': lambda path, room: room in ('adapters', 'tools', 'tests'),
    'wolfssl/': lambda path, room: room in ('adapters', 'tools', 'tests'),
    'gnutls/': lambda path, room: room == 'tests',
    'boost/': lambda path, room: path.name in ('http.cpp', 'tls_context.hpp'),
    'prometheus/': lambda path, room: path.name == 'metrics.cpp',
    'CLI/': lambda path, room: room == 'tools',
    'doctest/': lambda path, room: room == 'tests',
}

failures = []


def fail(path, message):
    failures.append(f'{path.relative_to(ROOT)}: {message}')


def below(room):
    rooms = {room}
    for edge in EDGES[room]:
        rooms |= below(edge)
    return rooms


def room_of(path):
    top, *rest = path.relative_to(ROOT).parts
    if top == 'include':
        return PUBLIC.get(path.name)
    return rest[0] if top == 'src' else top


def room_of_include(name):
    if name.startswith('stek/'):
        return PUBLIC.get(name.removeprefix('stek/'), 'unknown header')
    first = name.split('/')[0]
    return first if first in EDGES else None


def check_includes(path):
    room = room_of(path)
    if room is None:
        return fail(path, 'a public header that the table does not know')
    for name in INCLUDE.findall(path.read_text()):
        for fence, allowed in FENCED.items():
            if name.startswith(fence) and not allowed(path, room):
                fail(path, f'includes <{name}>')
        target = room_of_include(name)
        if target and room in EDGES and target not in below(room):
            fail(path, f'includes {name}: {room} may not look at {target}')
        if path.parts[len(ROOT.parts)] == 'include' and '/' in name and name.split('/')[0] in EDGES:
            fail(path, f'a public header includes {name}')


def check_rooms_are_known():
    for folder in (ROOT / 'src').iterdir():
        if folder.is_dir() and folder.name not in EDGES:
            fail(folder, 'a room that the house does not have')


def check_links_are_the_table():
    """meson's link graph and this table are the same, but for rooms that are not built yet."""
    rows = re.findall(r"^  \['(\w+)', \[([^\]]*)\],", (ROOT / 'src/meson.build').read_text(), re.M)
    built = dict(rows)
    for room, deps in rows:
        edges = [edge for edge in EDGES.get(room, []) if edge in built]
        if re.findall(r"'(\w+)'", deps) != edges:
            fail(ROOT / 'src/meson.build', f'{room} links {deps}, the house says {edges}')
    if len(rows) < 8:
        fail(ROOT / 'src/meson.build', 'the list of rooms was not found')


def check_version():
    """stek.h says which version it is of, and so does meson."""
    header = re.search(r'#define STEK_VERSION "([^"]+)"', (ROOT / 'include/stek/stek.h').read_text())
    project = re.search(r"version : '([^']+)'", (ROOT / 'meson.build').read_text())
    if header[1] != project[1]:
        fail(ROOT / 'include/stek/stek.h', f'is of version {header[1]}, the project of {project[1]}')


def check_top():
    tracked = subprocess.run(['git', 'ls-files'], cwd=ROOT, capture_output=True, text=True)
    for name in sorted({line.split('/')[0] for line in tracked.stdout.splitlines()} - TOP):
        fail(ROOT / name, 'does not belong at the top level')


def check_keys():
    for path in (ROOT / 'keys').glob('*'):
        tracked = subprocess.run(['git', 'ls-files', '--error-unmatch', str(path)], cwd=ROOT,
                                 capture_output=True).returncode == 0
        if tracked and path.name not in ('README.md', '.gitignore'):
            fail(path, 'keys/ never holds a key')


sources = [path for folder in ('include', 'src', 'tools', 'tests')
           for path in (ROOT / folder).rglob('*') if path.suffix in ('.c', '.cpp', '.hpp', '.h')]
for source in sources:
    check_includes(source)
check_rooms_are_known()
check_links_are_the_table()
check_version()
check_top()
check_keys()
print(f'{len(sources)} files checked')
print('\n'.join(failures))
sys.exit(1 if failures or len(sources) < 40 else 0)
