#include "session/state.hpp"

#include <stek/cipher_suite.hpp>

namespace stek {

using wire::Varying;

std::size_t Varying<CertificateChain>::size(const CertificateChain& chain) noexcept {
  std::size_t size = 0;
  for (const auto& certificate : chain.certificates) size += head + certificate.size();
  return size;
}

void Varying<CertificateChain>::put(wire::Writer& out, const CertificateChain& chain) noexcept {
  for (const auto& certificate : chain.certificates) {
    out.number(static_cast<std::uint8_t>(certificate.size() >> 16U));
    out.number(static_cast<std::uint16_t>(certificate.size()));
    out.bytes(certificate);
  }
}

bool Varying<CertificateChain>::get(Bytes bytes, CertificateChain& chain) {
  wire::Reader reader(bytes);
  while (!reader.empty()) {
    const std::size_t high = reader.u8();
    const Bytes certificate = reader.bytes(high << 16U | reader.u16());
    if (certificate.empty()) return false;
    chain.certificates.emplace_back(certificate.begin(), certificate.end());
  }
  return true;
}

namespace state {
namespace {

static_assert(header.size == 93);
static_assert(wire::largest_value == wire::largest_class - header.size - 3);
static_assert(header.offset_of<&Session::secret>() + SessionSecret::max_size <= 64 &&
              header.offset_of<&Session::issued_at>() + 8 <= 64);

/// TLS 1.3 begins with the second class: with its mandatory options a name would decide between two
/// lengths.
std::size_t first_class(ProtocolVersion version, std::size_t smallest) noexcept {
  return is_tls13(version) ? wire::second_class : smallest;
}

std::expected<std::size_t, Error> class_or_error(std::size_t used, std::size_t smallest) noexcept {
  const std::size_t size = wire::class_of(used, smallest);
  if (size == 0) return std::unexpected(Error::too_large);
  return size;
}

/// The decoded secret has the header's 48 bytes; cuts it to its length. False when what is cut off
/// is not zero.
bool trim_secret(Session& session) noexcept {
  const std::size_t size = secret_size(session.version, cipher_spec_of(session.cipher_suite));
  const Bytes field = session.secret.expose();
  if (size == field.size()) return true;
  if (!is_zero(field.subspan(size))) return false;
  session.secret.truncate(size);
  return true;
}

bool decode_parts(Session& session, Bytes state) {
  if (state.size() < header.size || !header.decode(state.first<header.size>(), session) ||
      !trim_secret(session)) {
    return false;
  }
  wire::Reader reader(state.subspan(header.size));
  return options.decode(reader, session) && is_zero(reader.rest());
}

}  // namespace

std::expected<std::size_t, Error> size_of(const Session& session, std::size_t smallest) noexcept {
  return class_or_error(header.size + options.size(session),
                        first_class(session.version, smallest));
}

std::expected<void, Error> encode(Room room, const Session& session, const Stamp& stamp) noexcept {
  if (flaw_of(session, stamp)) return std::unexpected(Error::invalid_session);
  const auto head = room.first<header.size>();
  header.encode(head, session);
  header.set<&Session::issued_at>(head, stamp.issued_at);
  header.set<&Session::authenticated_at>(head, stamp.authenticated_at);
  header.set<&Session::lifetime>(head, stamp.lifetime);
  header.set<&Session::context>(head, stamp.context);
  const Room tail = room.subspan<header.size>();
  wire::Writer writer(tail);
  options.encode(writer, session);
  writer.zeros(tail.size() - writer.used());
  return {};
}

bool decode(Session& session, Bytes state, std::size_t smallest) noexcept try {
  // The header overwrites all else.
  options.clear(session);
  const bool good = decode_parts(session, state) && !flaw_of(session) &&
                    size_of(session, smallest) == state.size();
  if (!good) session = Session();
  return good;
} catch (const std::bad_alloc&) {
  session = Session();
  return false;
}

std::expected<std::size_t, Error> size_of(const Opaque& opaque, std::size_t smallest) noexcept {
  if (!opaque_label.fits(opaque)) return std::unexpected(Error::unsuitable);
  if (!opaque_data.fits(opaque)) return std::unexpected(Error::too_large);
  return class_or_error(opaque_header.size + opaque_vectors.size(opaque), smallest);
}

void encode(Room room, const Opaque& opaque) noexcept {
  opaque_header.encode(room.first<opaque_header.size>(), opaque);
  const Room tail = room.subspan<opaque_header.size>();
  wire::Writer writer(tail);
  opaque_vectors.encode(writer, opaque);
  writer.zeros(tail.size() - writer.used());
}

std::optional<Opaque> decode_opaque(Bytes state, std::size_t smallest) noexcept {
  if (state.size() < opaque_header.size) return std::nullopt;
  Opaque opaque;
  if (!opaque_header.decode(state.first<opaque_header.size>(), opaque)) return std::nullopt;
  wire::Reader reader(state.subspan(opaque_header.size));
  opaque_vectors.decode(reader, opaque);
  if (!reader.ok() || !is_zero(reader.rest()) || size_of(opaque, smallest) != state.size()) {
    return std::nullopt;
  }
  return opaque;
}

}  // namespace state
}  // namespace stek
