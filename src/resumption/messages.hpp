// What stekd and its clients tell each other in bytes. FORMAT.md prints these descriptions; a test
// holds it to them.
#pragma once

#include <stek/resumption.hpp>

#include "wire/record.hpp"

namespace stek {
namespace messages {

inline constexpr std::size_t longest = 0xffff;
/// The first size class of a session's state between stekd and its clients.
inline constexpr std::size_t smallest_state = 128;
/// Of a request, by default.
inline constexpr std::size_t longest_body = 65536;

/// Of one ticket; behind it lie as many vectors as were asked for.
struct Issued {
  Seconds lifetime_hint{};
};
inline constexpr wire::Header issued_header{
    "Issued",
    wire::Field<&Issued::lifetime_hint>{"lifetime_hint", "seconds"},
};
struct IssuedTicket {
  Bytes ticket;
};
inline constexpr wire::Vectors issued_ticket{
    wire::Vector<&IssuedTicket::ticket, std::uint16_t, 1, longest>{"ticket",
                                                                   "as often as asked for"}};

/// Behind it lies the ClientHello.
struct Offer {
  Bytes ticket;
};
inline constexpr wire::Vectors offer{wire::Vector<&Offer::ticket, std::uint16_t, 0, longest>{
    "ticket", "none: those that the hello offers"}};

/// A verdict in numbers; behind it lies the state of a session that resumes.
struct Resumed {
  std::uint8_t outcome = 0;  ///< 1, 2 and 3, in the order of `Outcome`
  Alert alert = Alert::none;
  bool renew = false;
  bool early_data = false;
  Seconds age{};
  CipherSuite cipher_suite = CipherSuite::none;
  std::uint16_t selected_identity = 0;
  ReplayIdentity replay_identity{};
};
inline constexpr wire::Header resumed_header{
    "Resumed",
    wire::Field<&Resumed::outcome>{"outcome", "1 resume, 2 full handshake, 3 abort"},
    wire::Field<&Resumed::alert>{"alert", "to abort with, else 0"},
    wire::Flags<&Resumed::renew, &Resumed::early_data>{
        "flags", {"renew", "early_data"}, {"hand out a fresh ticket", "accept it"}},
    wire::Field<&Resumed::age>{"age", "of the ticket, seconds"},
    wire::Field<&Resumed::cipher_suite>{"cipher_suite", "to select, else 0"},
    wire::Field<&Resumed::selected_identity>{"selected_identity", "TLS 1.3, else 0"},
    wire::Field<&Resumed::replay_identity>{"replay_identity", "with early_data, else 0"},
};

/// Opaque bytes to be sealed, or a ticket of them, lie behind the label.
struct Labelled {
  Bytes label;
};
inline constexpr wire::Vectors labelled{
    wire::Vector<&Labelled::label, std::uint8_t, 1, 32>{"label", "such as \"rustls/0.20\""}};

/// Behind it lie the bytes that were sealed.
struct Unsealed {
  bool opened = false;
};
inline constexpr wire::Header unsealed_header{
    "Unsealed",
    wire::Flags<&Unsealed::opened>{"flags", {"opened"}, {""}},
};

/// Why, by its stable name: "resumes", "unknown_key". Behind the header of each answer about a
/// ticket.
struct Why {
  Bytes reason;
};
inline constexpr wire::Vectors why{
    wire::Vector<&Why::reason, std::uint8_t, 1, 255>{"reason", "by its name, such as \"altered\""}};

}  // namespace messages
}  // namespace stek
