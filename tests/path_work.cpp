// Work for tests/instructions.py to count: path_work issue|resume|seal|open COUNT. Everything is
// warm; one lane would be filled while it is counted, so profiles without lanes do the counting.
#include <cstdlib>
#include <string>
#include <vector>

#include <stek/ticketer.hpp>

#include "random_sessions.hpp"

namespace {

using namespace stek;
using test::noon;

struct Work {
  Ticketer ticketer = Ticketer::standalone({}, {}, noon).value();
  Tickets tickets = ticketer.in("public", {}, noon).value();
  Session session = test::typical_session();
  ClientHello hello;
  std::array<std::byte, max_ticket> ticket_room{};
  std::array<std::byte, max_ticket> sealed_room{};
  std::array<std::byte, max_ticket> out{};
  std::vector<std::byte> data = std::vector<std::byte>(60);
  Bytes ticket = tickets.issue(session, ticket_room, noon)->bytes;
  Bytes sealed = tickets.seal_opaque("count", data, sealed_room, noon)->bytes;

  Work() {
    hello.legacy_version = ProtocolVersion::tls1_2;
    hello.cipher_suites = {session.cipher_suite};
    hello.compression_methods = {0};
    hello.server_name = std::get<HostName>(session.server_name);
    hello.extended_master_secret = true;
  }

  bool once(std::string_view what) {
    if (what == "issue") return tickets.issue(session, out, noon).has_value();
    if (what == "resume")
      return tickets.resume(ticket, hello, noon).verdict.outcome == Outcome::resume;
    if (what == "seal") return tickets.seal_opaque("count", data, out, noon).has_value();
    return tickets.open_opaque("count", sealed, out, noon).has_value();
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  Work work;
  for (long n = std::stol(argv[2]); n > 0; --n) {
    if (!work.once(argv[1])) return 1;
  }
}
