// rustls 0.20's ServerSessionValue of any bytes: whatever decodes encodes to the same bytes, in
// just the room that these take.
#include "foreign/rustls_session.hpp"

#include "fuzz/fuzz.hpp"

namespace stek::fuzz {

void run(Bytes input) {
  const auto session = foreign::decode_rustls_session(input);
  if (!session) {
    check(session.error() == Error::malformed || session.error() == Error::unsuitable ||
              session.error() == Error::invalid_session,
          "what does not decode is malformed, not for stek, or no session");
    return;
  }
  check(foreign::rustls_size_of(*session) == input.size(), "a session has one size");
  std::vector<std::byte> again(input.size(), std::byte{0xa5});
  check(foreign::encode_rustls_session(again, *session) == input.size(), "what decodes encodes");
  check(std::ranges::equal(again, input), "encode(decode(x)) == x");
  check(foreign::encode_rustls_session(Room(again).subspan(1), *session).error() ==
            Error::room_too_small,
        "a byte less is too small a room");
}

}  // namespace stek::fuzz
