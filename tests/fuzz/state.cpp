// A state of any bytes: whatever decodes encodes to the same bytes, so a session has one encoding;
// what does not decode leaves nothing behind.
//
// An input is one byte that chooses the length, then the state. Zeros follow up to that length:
// few mutations would meet a size class.
#include "session/state.hpp"

#include "fuzz/fuzz.hpp"
#include "ticket/layout.hpp"
#include "wire/reader.hpp"

namespace stek::fuzz {
namespace {

using Buffer = std::vector<std::byte>;

// The longer, the rarer: they take the time of many short ones. Zero is the input's own length.
constexpr auto lengths =
    std::to_array<std::size_t>({0, 112, 128, 256, 512, 1024, 2048, 8192, 16384});

Buffer state_of(std::uint8_t choice, Bytes bytes) {
  const std::size_t length = lengths[static_cast<std::size_t>(std::countr_one(choice))];
  Buffer state(length == 0 ? bytes.size() : length);
  std::ranges::copy(bytes.first(std::min(state.size(), bytes.size())), state.begin());
  return state;
}

void check_session(Bytes state, std::size_t smallest) {
  Session session;
  if (!state::decode(session, state, smallest)) {
    check(session == Session(), "a state that does not decode leaves the session as new");
    return;
  }
  check(!flaw_of(session), "a session that decodes has no flaw");
  check(state::size_of(session, smallest) == state.size(), "a session has one size class");
  // Not zero, so that every byte must be written.
  Buffer again(state.size(), std::byte{0xa5});
  check(state::encode(again, session, stamp_of(session)).has_value(), "what decodes encodes");
  check(std::ranges::equal(again, state), "encode(decode(x)) == x");
}

void check_opaque(Bytes state, std::size_t smallest) {
  const auto opaque = state::decode_opaque(state, smallest);
  if (!opaque) return;
  check(state::size_of(*opaque, smallest) == state.size(), "an opaque state has one size class");
  Buffer again(state.size(), std::byte{0xa5});
  state::encode(again, *opaque);
  check(std::ranges::equal(again, state), "encode(decode_opaque(x)) == x");
  Session session;
  check(!state::decode(session, state, smallest), "an opaque state is no session");
}

}  // namespace

void run(Bytes input) {
  wire::Reader in(input);
  const std::uint8_t choice = in.u8();
  const Buffer state = state_of(choice, in.rest());
  for (const std::size_t smallest : {std::size_t{112}, std::size_t{128}}) {
    check_session(state, smallest);
    check_opaque(state, smallest);
  }
}

}  // namespace stek::fuzz
