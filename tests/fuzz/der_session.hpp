// An SSL_SESSION in DER of any bytes: whatever decodes encodes to the same bytes, in just the room
// that these take.
//
// An input's first byte chooses the form: as it is, or behind the SEQUENCE's length, which no
// mutation would meet.
#pragma once

#include "foreign/der.hpp"
#include "fuzz/fuzz.hpp"

namespace stek::fuzz {

using Buffer = std::vector<std::byte>;

inline Buffer sequence_of(Bytes contents) {
  Buffer der(foreign::der::element_size(contents.size()));
  wire::Writer out(der);
  foreign::der::put_head(out, foreign::der::Tag::sequence, contents.size());
  out.bytes(contents);
  return der;
}

/// `decode` and `encode` are one library's.
template <class Decode, class Encode>
void check_der_session(Bytes input, const Decode& decode, const Encode& encode) {
  wire::Reader in(input);
  const bool whole = in.u8() % 2 == 0;
  const Buffer der = whole ? Buffer(in.rest().begin(), in.rest().end()) : sequence_of(in.rest());
  const auto session = decode(der);
  if (!session) {
    check(session.error() == Error::malformed || session.error() == Error::invalid_session,
          "what does not decode is malformed, or no session");
    return;
  }
  check(size_of(*session) == der.size(), "a session has one size");
  Buffer again(der.size(), std::byte{0xa5});
  check(encode(again, *session) == der.size(), "what decodes encodes");
  check(std::ranges::equal(again, der), "encode(decode(x)) == x");
  check(encode(Room(again).subspan(1), *session).error() == Error::room_too_small,
        "a byte less is too small a room");
}

}  // namespace stek::fuzz
