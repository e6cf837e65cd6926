"""What `meson install` leaves is enough: programs in C and C++, and one for each adapter, are built with what pkg-config
says and nothing else, and run.

    install_test.py BUILD SOURCE CC CXX [ADAPTER...]
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

build, source, cc, cxx, *adapters = sys.argv[1:]

CPP = '''
#include <stek/ticketer.hpp>

int main() {
  auto ticketer = stek::Ticketer::standalone();
  if (!ticketer) return 1;
  const auto shop = ticketer->in("shop");
  stek::Session session;
  session.version = stek::ProtocolVersion::tls1_2;
  session.cipher_suite = stek::CipherSuite{0xc02f};
  session.extended_master_secret = true;
  std::array<std::byte, 48> secret;
  secret.fill(std::byte{1});
  session.secret = stek::SessionSecret(secret);
  std::array<std::byte, stek::max_ticket> room;
  const auto ticket = shop->issue(session, room);
  return ticket && shop->open(ticket->bytes) ? 0 : 1;
}
'''

# An adapter links, and says no to a connection that is not set up, has no tickets, or to a ring of another profile.
ADAPTER = {'mbedtls': '''
#include <stek/mbedtls.hpp>

int main() {
  auto ticketer = stek::Ticketer::standalone();
  mbedtls_ssl_context ssl;
  mbedtls_ssl_init(&ssl);
  return stek::mbedtls::Connection::attach(ssl, ticketer->in("shop").value()) ? 1 : 0;
}
''', 'openssl': '''
#include <stek/openssl.hpp>

int main() {
  auto ticketer = stek::Ticketer::standalone();
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  const bool attached = stek::openssl::attach(*context, ticketer->in("shop").value()).has_value();
  SSL_CTX_free(context);
  return attached ? 1 : 0;
}
''', 'boringssl': '''
#include <stek/boringssl.hpp>

int main() {
  auto ticketer = stek::Ticketer::standalone();
  const auto shop = ticketer->in("shop").value();
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  const bool attached = stek::boringssl::attach(*context, shop).has_value();
  SSL_CTX_free(context);
  return attached ? 1 : 0;
}
''', 'wolfssl': '''
#include <stek/wolfssl.hpp>

int main() {
  auto ticketer = stek::Ticketer::standalone();
  const auto shop = ticketer->in("shop").value();
  WOLFSSL_CTX* context = wolfSSL_CTX_new(wolfTLSv1_2_server_method());
  stek::wolfssl::Connection::prepare(*context, shop);
  WOLFSSL* ssl = wolfSSL_new(context);
  const bool attached = stek::wolfssl::Connection::attach(*ssl, shop).has_value();
  wolfSSL_free(ssl);
  wolfSSL_CTX_free(context);
  return attached ? 1 : 0;
}
'''}


def run(*command, **options):
    ran = subprocess.run(command, capture_output=True, text=True, **options)
    if ran.returncode != 0:
        sys.exit(f'{" ".join(map(str, command))}\n{ran.stdout}{ran.stderr}')
    return ran.stdout


def flags(package):
    return run('pkg-config', '--cflags', '--libs', package).split()


def check(name, compiler, options, program, package):
    run(*compiler.split(), *options, program, '-o', name, *flags(package))
    run(f'./{name}')
    print(f'{package}: {program.name} runs')


def written(name, text):
    path = Path(name)
    path.write_text(text)
    return path


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    root = Path(folder) / 'root'
    run('meson', 'install', '-C', build, '--no-rebuild', '--quiet', '--destdir', str(root))
    packages = [path.parent for path in root.rglob('stek.pc')]
    assert len(packages) == 1, packages
    # The system's own packages are found as ever.
    os.environ['PKG_CONFIG_PATH'] = str(packages[0])
    os.environ['LD_LIBRARY_PATH'] = str(packages[0].parent)
    prefix = Path(run('pkg-config', '--variable=prefix', 'stek').strip())
    for package in packages[0].glob('*.pc'):
        package.write_text(package.read_text().replace(f'prefix={prefix}', f'prefix={root}{prefix}'))

    check('in_c', cc, ['-std=c99', '-pedantic', '-Wall', '-Wextra', '-Werror'],
          Path(source) / 'tools/demo/tickets.c', 'stek')
    check('in_cpp', cxx, ['-std=c++23', '-Wall', '-Wextra', '-Werror'], written('program.cpp', CPP), 'stek-cpp')
    for adapter in adapters:
        check(f'with_{adapter}', cxx, ['-std=c++23'], written(f'{adapter}.cpp', ADAPTER[adapter]), f'stek-{adapter}')
