// A session as JSON: what parses comes back the same, and a refusal does not quote the text.
#include "session/json.hpp"

#include "fuzz/fuzz.hpp"
#include "fuzz/quoting.hpp"

namespace stek::fuzz {
namespace {

std::string refusal_of(std::string_view text) {
  const auto session = session_from_json(text);
  return session ? "" : session.error().message + "\n" + session.error().hint;
}

void check_round_trip(const Session& session) {
  const auto text = to_json(session, Reveal::secret).dump();
  const auto again = session_from_json(text);
  check(again.has_value(), "what is written parses");
  check(*again == session, "it parses to the same session");
  check(to_json(*again, Reveal::secret).dump() == text, "writing is a fixed point");
  check(!to_json(session, Reveal::no).contains("secret"),
        "a secret is written only when asked for");
}

}  // namespace

void run(Bytes input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  if (const auto session = session_from_json(text)) {
    check_round_trip(*session);
  } else {
    check(!session.error().message.empty(), "a refusal says why");
    check(!quotes(text, refusal_of), "a refusal does not quote the text");
  }
}

}  // namespace stek::fuzz
