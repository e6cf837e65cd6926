// wolfSSL's InternalTicket of any bytes: whatever decodes encodes to the same bytes.
#include "foreign/wolfssl_ticket.hpp"

#include "fuzz/fuzz.hpp"

namespace stek::fuzz {

void run(Bytes input) {
  if (input.size() != foreign::wolfssl_ticket_size) return;
  const auto bytes = input.first<foreign::wolfssl_ticket_size>();
  const auto ticket = foreign::decode_wolfssl_ticket(bytes);
  if (!ticket) {
    check(ticket.error() == Error::malformed || ticket.error() == Error::unsuitable ||
              ticket.error() == Error::invalid_session,
          "what does not decode is malformed, of another version, or no session");
    return;
  }
  std::array<std::byte, foreign::wolfssl_ticket_size> again;
  check(foreign::encode_wolfssl_ticket(again, *ticket).has_value(), "what decodes encodes");
  check(std::ranges::equal(again, bytes), "encode(decode(x)) == x");
}

}  // namespace stek::fuzz
