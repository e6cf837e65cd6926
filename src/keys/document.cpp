#include "keys/document.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "base/hash.hpp"
#include "keys/records.hpp"

namespace stek {

namespace wire {

template <>
struct JsonForm<Profile> {
  static constexpr std::string_view expects = "\"aes256gcm\", \"xchacha20poly1305\" or \"rfc5077\"";
  static Json put(Profile value) { return name_of(value); }
  static bool get(const Json& json, Profile& value) {
    const auto profile =
        json.is_string() ? profile_named(json.get_ref<const SecretText&>()) : std::nullopt;
    if (profile) value = *profile;
    return profile.has_value();
  }
};

}  // namespace wire

namespace keys {
namespace {

constexpr std::uint32_t format = 1;
constexpr std::byte separator{0};
constexpr std::size_t checksum_size = 32;

std::array<std::byte, checksum_size> checksum_of(Bytes document) noexcept {
  std::array<std::byte, checksum_size> sum{};
  blake2b(sum, {}, {document});
  return sum;
}

std::unexpected<Failure> damaged(std::string message) {
  return std::unexpected(Failure{
      .error = Error::damaged,
      .message = std::move(message),
      .hint = "restore the ring from another machine, or move it away, then 'stek keys init'"});
}

struct Parts {
  std::string_view json;
  Bytes secrets;
};

std::expected<Parts, Failure> split(Bytes document) {
  const auto end_of_json = std::ranges::find(document, separator);
  if (document.empty() || document.front() != std::byte{'{'} || end_of_json == document.end()) {
    return damaged("not a ring of stek");
  }
  const auto json_size = static_cast<std::size_t>(end_of_json - document.begin());
  const Bytes rest = document.subspan(json_size + 1);
  if (rest.size() < checksum_size) return damaged("the ring is cut short");
  const Bytes sum = document.last(checksum_size);
  if (!std::ranges::equal(checksum_of(document.first(document.size() - checksum_size)), sum)) {
    return damaged("the ring is cut short or altered: its checksum does not fit");
  }
  return Parts{.json = {reinterpret_cast<const char*>(document.data()), json_size},
               .secrets = rest.first(rest.size() - checksum_size)};
}

std::optional<Failure> refuse_unknown_format(wire::Json& json) {
  const auto found = json.is_object() ? json.find("stek_ring") : json.end();
  if (found == json.end() || !found->is_number_unsigned()) {
    return damaged("not a ring of stek").error();
  }
  if (found->get<std::uint64_t>() != format) {
    return Failure{.error = Error::unknown_format,
                   .message = fmt::format("the ring has format {}, this stek reads format {}",
                                          found->get<std::uint64_t>(), format),
                   .hint = "use the stek that wrote it, or a newer one"};
  }
  json.erase(found);
  return std::nullopt;
}

/// Takes the member `name` out of `json`.
wire::Json taken(wire::Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return {};
  wire::Json member = std::move(*found);
  json.erase(found);
  return member;
}

/// Fills `entries` from a list of records.
template <class Entry, class Record>
std::optional<Failure> read_list(wire::Json& list, std::string_view name, const Record& record,
                                 std::vector<Entry>& entries) {
  const std::string place = fmt::format("ring: /{}", name);
  if (!list.is_array()) return wire::misplaced(place, "expected a list");
  entries.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string its_place = fmt::format("{}/{}", place, i);
    if (auto failure = wire::from_json(list[i], its_place, entries.emplace_back(), record)) {
      return failure;
    }
    if (auto failure = wire::refuse_leftovers(list[i], its_place)) return failure;
  }
  return std::nullopt;
}

/// What stands behind the name in a server's key file.
std::size_t secret_size(const ForeignKey& key) noexcept {
  return std::max<std::size_t>(key.file_size, sizeof(KeyName)) - sizeof(KeyName);
}

std::optional<Failure> read_secrets(Bytes secrets, KeyRing& ring) {
  std::size_t expected = ring.keys.size() * StekSecret::size;
  for (const ForeignKey& key : ring.foreign) expected += secret_size(key);
  if (secrets.size() != expected) {
    return damaged("the ring has not as many secrets as keys").error();
  }
  const auto next = [&](std::size_t size) {
    const Bytes secret = secrets.first(size);
    secrets = secrets.subspan(size);
    return secret;
  };
  for (Key& key : ring.keys) {
    key.secret = StekSecret(next(StekSecret::size).first<StekSecret::size>());
  }
  for (ForeignKey& key : ring.foreign) key.secret = SecretBytes(next(secret_size(key)));
  return std::nullopt;
}

/// In hex: a domain is any bytes.
std::optional<Failure> read_domain(const wire::Json& json, KeyRing& ring) {
  if (json.is_null()) return std::nullopt;
  std::vector<std::byte> bytes;
  using Form = wire::JsonForm<std::vector<std::byte>>;
  if (!Form::get(json, bytes))
    return wire::misplaced("ring: /domain", std::string("expected ") + std::string(Form::expects));
  ring.domain.emplace(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return std::nullopt;
}

std::optional<Failure> read_json(wire::Json& json, Bytes secrets, KeyRing& ring) {
  if (auto failure = refuse_unknown_format(json)) return failure;
  wire::Json schedule = taken(json, "schedule");
  wire::Json keys = taken(json, "keys");
  wire::Json foreign = taken(json, "foreign");
  wire::Json revoked = taken(json, "revoked");
  wire::Json domain = taken(json, "domain");
  if (auto failure = wire::from_json(json, "ring: ", ring, ring_record)) return failure;
  if (auto failure = wire::refuse_leftovers(json, "ring: ")) return failure;
  if (auto failure = wire::from_json(schedule, "ring: /schedule", ring.schedule, schedule_record)) {
    return failure;
  }
  if (auto failure = wire::refuse_leftovers(schedule, "ring: /schedule")) return failure;
  if (auto failure = read_list(keys, "keys", key_record, ring.keys)) return failure;
  if (!foreign.is_null()) {
    if (auto failure = read_list(foreign, "foreign", foreign_record, ring.foreign)) return failure;
  }
  if (!revoked.is_null()) {
    if (auto failure = read_list(revoked, "revoked", tombstone_record, ring.revoked)) {
      return failure;
    }
  }
  if (auto failure = read_domain(domain, ring)) return failure;
  return read_secrets(secrets, ring);
}

/// Adds `entries` to the ring's JSON, each as `record` has it.
template <class Entry, class Record>
void put_list(wire::Json& json, const char* name, const std::vector<Entry>& entries,
              const Record& record) {
  wire::Json& list = json[name] = wire::Json::array();
  for (const Entry& entry : entries) wire::to_json(list.emplace_back(), record, entry);
}

}  // namespace

wire::Json public_json(const KeyRing& ring) {
  wire::Json json = {{"stek_ring", format}};
  wire::to_json(json, ring_record, ring);
  wire::to_json(json["schedule"], schedule_record, ring.schedule);
  put_list(json, "keys", ring.keys, key_record);
  if (!ring.foreign.empty()) put_list(json, "foreign", ring.foreign, foreign_record);
  if (!ring.revoked.empty()) put_list(json, "revoked", ring.revoked, tombstone_record);
  if (ring.domain) json["domain"] = to_hex(std::as_bytes(std::span(*ring.domain)));
  return json;
}

Document document_of(const KeyRing& ring) {
  const auto json = public_json(ring).dump(2) + "\n";
  const Bytes text = std::as_bytes(std::span(json));
  std::size_t secrets = ring.keys.size() * StekSecret::size;
  for (const ForeignKey& key : ring.foreign) secrets += key.secret.size();
  Document document;
  // Reserved whole, so that no secret is left behind by growth.
  document.reserve(text.size() + 1 + secrets + checksum_size);
  const auto append = [&](Bytes bytes) {
    document.insert(document.end(), bytes.begin(), bytes.end());
  };
  append(text);
  document.push_back(separator);
  for (const Key& key : ring.keys) append(key.secret.expose());
  for (const ForeignKey& key : ring.foreign) append(key.secret.expose());
  append(checksum_of(document));
  return document;
}

std::expected<KeyRing, Failure> ring_from(Bytes document) {
  return checked(unchecked_ring_from(document));
}

std::expected<KeyRing, Failure> checked(std::expected<KeyRing, Failure> ring) {
  if (!ring) return ring;
  if (auto flaw = flaw_of(*ring)) return std::unexpected(*std::move(flaw));
  return ring;
}

std::expected<KeyRing, Failure> unchecked_ring_from(Bytes document) {
  auto parts = split(document);
  if (!parts) return std::unexpected(std::move(parts.error()));
  auto json = wire::parse_json(parts->json, "ring");
  if (!json) return std::unexpected(std::move(json.error()));
  KeyRing ring;
  if (auto failure = read_json(*json, parts->secrets, ring)) {
    return std::unexpected(*std::move(failure));
  }
  return ring;
}

}  // namespace keys
}  // namespace stek
