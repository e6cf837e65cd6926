// ClientHellos as bytes, for whoever has nothing but the wire.
#pragma once

#include <vector>

#include "random_sessions.hpp"

namespace stek::test {

using Wire = std::vector<std::byte>;

inline void append(Wire& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}
/// The low `width` bytes of `n`.
inline void append_number(Wire& to, std::size_t n, std::size_t width) {
  while (width-- > 0) to.push_back(static_cast<std::byte>(n >> (8 * width)));
}
inline void append_vector(Wire& to, std::size_t width, Bytes bytes) {
  append_number(to, bytes.size(), width);
  append(to, bytes);
}
inline Wire number_bytes(std::size_t n, std::size_t width) {
  Wire bytes;
  append_number(bytes, n, width);
  return bytes;
}
inline Wire vector_bytes(std::size_t width, Bytes bytes) {
  Wire vector;
  append_vector(vector, width, bytes);
  return vector;
}
inline void append_extension(Wire& to, std::uint16_t type, Bytes body) {
  append_number(to, type, 2);
  append_vector(to, 2, body);
}

/// RFC 6066 section 3.
inline Wire server_name_bytes(const HostName& name) {
  Wire entry(1);
  append_vector(entry, 2, std::as_bytes(std::span(name.text())));
  return vector_bytes(2, entry);
}

/// RFC 8446 section 4.2.11, with a binder that nobody looks at.
inline Wire pre_shared_key_bytes(Bytes ticket) {
  Wire identity = vector_bytes(2, ticket);
  append_number(identity, 0, 4);
  Wire body = vector_bytes(2, identity);
  append_vector(body, 2, vector_bytes(1, Wire(32)));
  return body;
}

/// One extension block that the client of `session` would send to resume it from `ticket`.
inline Wire extensions_for(const Session& session, Bytes ticket) {
  Wire block;
  const auto version = static_cast<std::size_t>(session.version);
  if (const auto* name = std::get_if<HostName>(&session.server_name)) {
    append_extension(block, 0, server_name_bytes(*name));
  }
  if (session.max_fragment_length != MaxFragmentLength::unlimited) {
    append_extension(block, 1,
                     number_bytes(static_cast<std::size_t>(session.max_fragment_length), 1));
  }
  if (session.encrypt_then_mac) append_extension(block, 22, {});
  if (session.extended_master_secret) append_extension(block, 23, {});
  if (!is_tls13(session.version)) {
    append_extension(block, 35, ticket);
    return block;
  }
  append_extension(block, 43, vector_bytes(1, number_bytes(version, 2)));
  append_extension(block, 45, vector_bytes(1, number_bytes(1, 1)));
  append_extension(block, 51, {});
  append_extension(block, 41, pre_shared_key_bytes(ticket));
  return block;
}

inline ProtocolVersion legacy_version_of(const Session& session) {
  if (!is_tls13(session.version)) return session.version;
  return session.transport == Transport::dtls ? ProtocolVersion::dtls1_2 : ProtocolVersion::tls1_2;
}

/// The handshake message, without records.
inline Wire hello_for(const Session& session, Bytes ticket) {
  const bool dtls = session.transport == Transport::dtls;
  Wire body = number_bytes(static_cast<std::size_t>(legacy_version_of(session)), 2);
  append(body, Wire(32));
  append_vector(body, 1, {});
  if (dtls) append_vector(body, 1, {});
  append_vector(body, 2, number_bytes(static_cast<std::size_t>(session.cipher_suite), 2));
  append_vector(body, 1, Wire(1));
  append_vector(body, 2, extensions_for(session, ticket));
  Wire message = number_bytes(1, 1);
  append_number(message, body.size(), 3);
  if (dtls) {
    append_number(message, 0, 5);
    append_number(message, body.size(), 3);
  }
  append(message, body);
  return message;
}

}  // namespace stek::test
