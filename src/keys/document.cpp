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

std::optional<Failure> read_keys(wire::Json& list, Bytes secrets, std::vector<Key>& keys) {
  if (!list.is_array()) return wire::misplaced("ring: /keys", "expected a list");
  if (secrets.size() != list.size() * StekSecret::size) {
    return damaged("the ring has not as many secrets as keys").error();
  }
  keys.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    Key key;
    const std::string place = fmt::format("ring: /keys/{}", i);
    if (auto failure = wire::from_json(list[i], place, key, key_record)) return failure;
    if (auto failure = wire::refuse_leftovers(list[i], place)) return failure;
    key.secret = StekSecret(secrets.subspan(i * StekSecret::size).first<StekSecret::size>());
    keys.push_back(std::move(key));
  }
  return std::nullopt;
}

std::optional<Failure> read_json(wire::Json& json, Bytes secrets, KeyRing& ring) {
  if (auto failure = refuse_unknown_format(json)) return failure;
  wire::Json schedule = taken(json, "schedule");
  wire::Json list = taken(json, "keys");
  if (auto failure = wire::from_json(json, "ring: ", ring, ring_record)) return failure;
  if (auto failure = wire::refuse_leftovers(json, "ring: ")) return failure;
  if (auto failure = wire::from_json(schedule, "ring: /schedule", ring.schedule, schedule_record)) {
    return failure;
  }
  if (auto failure = wire::refuse_leftovers(schedule, "ring: /schedule")) return failure;
  return read_keys(list, secrets, ring.keys);
}

}  // namespace

wire::Json public_json(const KeyRing& ring) {
  wire::Json json = {{"stek_ring", format}};
  wire::to_json(json, ring_record, ring);
  wire::to_json(json["schedule"], schedule_record, ring.schedule);
  wire::Json& list = json["keys"] = wire::Json::array();
  for (const Key& key : ring.keys) wire::to_json(list.emplace_back(), key_record, key);
  return json;
}

Document document_of(const KeyRing& ring) {
  const auto json = public_json(ring).dump(2) + "\n";
  const Bytes text = std::as_bytes(std::span(json));
  Document document;
  // Reserved whole, so that no secret is left behind by growth.
  document.reserve(text.size() + 1 + (ring.keys.size() * StekSecret::size) + checksum_size);
  const auto append = [&](Bytes bytes) {
    document.insert(document.end(), bytes.begin(), bytes.end());
  };
  append(text);
  document.push_back(separator);
  for (const Key& key : ring.keys) append(key.secret.expose());
  append(checksum_of(document));
  return document;
}

std::expected<KeyRing, Failure> ring_from(Bytes document) {
  auto parts = split(document);
  if (!parts) return std::unexpected(std::move(parts.error()));
  auto json = wire::parse_json(parts->json, "ring");
  if (!json) return std::unexpected(std::move(json.error()));
  KeyRing ring;
  if (auto failure = read_json(*json, parts->secrets, ring)) {
    return std::unexpected(*std::move(failure));
  }
  if (auto flaw = flaw_of(ring)) return std::unexpected(*std::move(flaw));
  return ring;
}

}  // namespace keys
}  // namespace stek
