"""Makes programs of README.md's blocks of code, so that what it shows compiles: readme_code.py README.md OUT [ADAPTER].

OUT ends in .cpp for its C++ blocks, those of the adapter or those of none, or in .c for its C. One adapter at a time: the
headers of some TLS libraries have no place beside those of others."""

import re
import sys

readme, out, adapter = [*sys.argv[1:], ''][:3]

PRELUDE = {'cpp': '''
#include <stek/ticketer.hpp>
{adapter_header}
// What the reader has around the lines shown.
namespace {{
[[maybe_unused]] int complain(const stek::Failure&) {{ return 1; }}
[[maybe_unused]] void send(stek::Bytes, stek::Seconds) {{}}
[[maybe_unused]] void go_on_with(const stek::Session&, bool) {{}}
[[maybe_unused]] void log(bool, std::string_view) {{}}
[[maybe_unused]] void wait_for_more() {{}}
}}
''', 'c': '''
#include <stek/stek.h>

/* What the reader has around the lines shown. */
int complain(const char *message);
void send_ticket(const uint8_t *ticket, size_t size, uint32_t lifetime);
void go_on_with(const struct stek_session *session, int renew);
'''}

FUNCTION = '''
int block_{number}({parameters});
int block_{number}({parameters}) {{
{code}
  return 0;
}}
'''

PARAMETERS = {
    'cpp': {
        'stek::openssl': 'SSL_CTX* ctx, SSL* ssl, stek::Context context',
        'stek::boringssl': 'SSL_CTX* ctx, SSL* ssl, stek::Context context',
        'stek::wolfssl': 'WOLFSSL_CTX* ctx, WOLFSSL* ssl, stek::Context context',
        'stek::boringssl': 'SSL_CTX* ctx, SSL* ssl, stek::Context context',
        'stek::mbedtls': 'mbedtls_ssl_context& ssl, mbedtls_ssl_config& config, stek::Context context',
        'stek::FileStore': 'const stek::Policy& policy, stek::Context context, const stek::Session& session, '
                           'const stek::ClientHello& hello',
    },
    'c': {
        'stek_ticketer': 'const uint8_t *hello, size_t hello_size',
    },
}

language = out.rsplit('.', 1)[1]
blocks = re.findall(rf'^```{language}\n(.*?)^```', open(readme).read(), re.DOTALL | re.MULTILINE)


def kind_of(code):
    return next(kind for kind in PARAMETERS[language] if kind in code)


def adapter_of(kind):
    name = kind.removeprefix('stek::')
    return name if name.islower() and language == 'cpp' else ''


program = PRELUDE[language].format(adapter_header=f'#include <stek/{adapter}.hpp>' if adapter else '')
shown = [code for code in blocks if adapter_of(kind_of(code)) == adapter]
assert shown, f'README.md shows no code for {adapter or language}'
for number, code in enumerate(shown):
    body = '\n'.join(line for line in code.splitlines() if not line.startswith('#include'))
    program += FUNCTION.format(number=number, parameters=PARAMETERS[language][kind_of(code)], code=body)
open(out, 'w').write(program)
