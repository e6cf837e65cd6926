"""Makes a program of README.md's C++ blocks, so that what it shows compiles: README.md to OUT.cpp."""

import re
import sys

readme, out, adapters = sys.argv[1], sys.argv[2], sys.argv[3:]

PRELUDE = '''
#include <stek/ticketer.hpp>
{adapter_headers}
// What the reader has around the lines shown.
namespace {{
[[maybe_unused]] int complain(const stek::Failure&) {{ return 1; }}
[[maybe_unused]] void send(stek::Bytes, stek::Seconds) {{}}
[[maybe_unused]] void go_on_with(const stek::Session&, bool) {{}}
}}
'''

FUNCTION = '''
int block_{number}({parameters});
int block_{number}({parameters}) {{
{code}
  return 0;
}}
'''

PARAMETERS = {
    'stek::FileStore': 'const stek::Policy& policy, stek::Context context, const stek::Session& session, '
                       'const stek::ClientHello& hello',
    'stek::mbedtls': 'mbedtls_ssl_context& ssl, const std::expected<stek::Tickets, stek::Failure>& shop',
}

blocks = re.findall(r'^```cpp\n(.*?)^```', open(readme).read(), re.DOTALL | re.MULTILINE)
assert len(blocks) >= 2, 'README.md shows less C++ than it should'

program = PRELUDE.format(adapter_headers='\n'.join(f'#include <stek/{a}.hpp>' for a in adapters))
for number, code in enumerate(blocks):
    kind = next(kind for kind in PARAMETERS if kind in code)
    adapter = kind.removeprefix('stek::')
    if adapter.islower() and adapter not in adapters:
        continue
    body = '\n'.join(line for line in code.splitlines() if not line.startswith('#include'))
    program += FUNCTION.format(number=number, parameters=PARAMETERS[kind], code=body)
open(out, 'w').write(program)
