#include "c_api/structs.hpp"

#include "c_api/field.hpp"
#include "c_api/numbers.hpp"
#include "c_api/sized.hpp"
#include "session/state.hpp"

namespace stek::c_api {
namespace {

// Padding at a struct's end would be where a later field comes to lie, and a caller that does not
// know that field has anything there.
template <class Struct, class Last>
constexpr bool ends_with(std::size_t offset, Last Struct::* /*last*/) noexcept {
  return offset + sizeof(Last) == sizeof(Struct);
}
static_assert(ends_with(offsetof(stek_session, extras_size), &stek_session::extras_size));
static_assert(ends_with(offsetof(stek_verdict, reserved_too), &stek_verdict::reserved_too));
static_assert(ends_with(offsetof(stek_health, key_memory), &stek_health::key_memory));
static_assert(ends_with(offsetof(stek_failure, hint), &stek_failure::hint));
static_assert(ends_with(offsetof(stek_schedule, profile), &stek_schedule::profile));
static_assert(ends_with(offsetof(stek_policy, key_memory), &stek_policy::key_memory));

// Zero is a default.

bool set_duration(std::int64_t from, Seconds& to) noexcept {
  return from == 0 || get(from, to);
}

bool set_version(std::uint16_t from, ProtocolVersion& to) noexcept {
  if (from != 0) to = static_cast<ProtocolVersion>(from);
  return to >= ProtocolVersion::tls1_0 && to <= ProtocolVersion::tls1_3;
}

template <class Enum>
bool set_enum(std::int64_t from, Enum& to) noexcept {
  const auto value = from == 0 ? to : value_of<Enum>(from);
  to = value.value_or(to);
  return value.has_value();
}

bool set_protocols(Bytes from, std::vector<ProtocolName>& to) {
  wire::Reader reader(from);
  while (!reader.empty()) {
    const Bytes name = reader.vector<std::uint8_t>(1, ProtocolName::max_size);
    if (reader.ok()) wire::Varying<ProtocolName>::get(name, to.emplace_back());
  }
  return reader.ok();
}

constexpr std::size_t longest_list = 0xffff;

template <class T>
bool is_list(const T* list, std::size_t size) noexcept {
  return size == 0 || (list != nullptr && size <= longest_list);
}

}  // namespace

Flaw read(const stek_schedule* given, Schedule& to) noexcept {
  if (given == nullptr) return std::nullopt;
  Whole<stek_schedule> from;
  if (!fits(given) || !load(from, given)) return "schedule: size out of bounds";
  if (!set_duration(from->lead, to.lead) || !set_duration(from->sealing, to.sealing) ||
      !set_duration(from->lifetime, to.lifetime) || !set_duration(from->skew, to.skew)) {
    return "schedule: a duration is out of bounds";
  }
  to.accepting = to.lifetime + to.skew;
  if (!set_duration(from->accepting, to.accepting)) return "schedule: accepting is out of bounds";
  if (!set_enum(from->profile, to.profile)) return "schedule: profile is none";
  if (from->ahead != 0) to.ahead = from->ahead;
  return std::nullopt;
}

Flaw read(const stek_policy* given, TicketerOptions& to) {
  if (given == nullptr) return std::nullopt;
  Whole<stek_policy> from;
  if (!fits(given) || !load(from, given)) return "policy: size out of bounds";
  Policy& policy = to.policy;
  if (!set_version(from->min_version, policy.min_version) ||
      !set_version(from->max_version, policy.max_version)) {
    return "policy: a version is none of TLS";
  }
  if (policy.min_version > policy.max_version) return "policy: min_version is above max_version";
  if (!set_enum(from->legacy_ems, policy.legacy_ems)) return "policy: legacy_ems is none";
  if (!set_duration(from->lifetime, policy.lifetime) || !set_duration(from->cap, policy.cap) ||
      !set_duration(from->cap_tls13, policy.cap_tls13) || !set_duration(from->skew, policy.skew) ||
      !set_duration(from->early_data_window, policy.early_data_window)) {
    return "policy: a duration is out of bounds";
  }
  if (!is_list(from->cipher_suites, from->cipher_suites_count)) {
    return "policy: cipher_suites is NULL, or too long";
  }
  for (std::size_t i = 0; i < from->cipher_suites_count; ++i) {
    policy.cipher_suites.push_back(static_cast<CipherSuite>(from->cipher_suites[i]));
  }
  if (!is_list(from->application_protocols, from->application_protocols_size) ||
      !set_protocols(
          std::as_bytes(std::span(from->application_protocols, from->application_protocols_size)),
          policy.application_protocols)) {
    return "policy: application_protocols is no list of names behind their lengths";
  }
  policy.require_client_identity = from->require_client_identity != 0;
  policy.tls13_any_server_name = from->tls13_any_server_name != 0;
  policy.early_data = from->early_data != 0;
  get(from->context, policy.context);
  to.hedge = from->hedge != 0;
  if (!set_enum(static_cast<std::int64_t>(from->key_memory), to.key_memory)) {
    return "policy: key_memory is none";
  }
  return std::nullopt;
}

void write(stek_verdict* given, const Resumption& resumption) noexcept {
  const Verdict& verdict = resumption.verdict;
  Whole<stek_verdict> to;
  to->outcome = number_of(verdict.outcome);
  to->reason = number_of(verdict.reason);
  to->alert = number_of(verdict.alert);
  put(to->cipher_suite, verdict.cipher_suite);
  put(to->renew, verdict.renew);
  to->selected_identity = resumption.selected_identity;
  put(to->age, verdict.age);
  if (verdict.replay_identity) put(to->replay_identity, *verdict.replay_identity);
  to->early_data = number_of(verdict.early_data);
  store(given, to);
}

void write(stek_health* given, const Health& health) noexcept {
  Whole<stek_health> to;
  to->generation = health.generation;
  put(to->written_at, health.written_at);
  put(to->seals_until, health.seals_until.value_or(Instant{}));
  put(to->opens_until, health.opens_until.value_or(Instant{}));
  to->issued = health.issued;
  to->resumed = health.resumed;
  to->refused = health.refused;
  to->memory_locked = health.memory_locked ? 1 : 0;
  put_text(to->last_error, health.last_error);
  to->key_memory = static_cast<std::uint64_t>(number_of(health.key_memory));
  store_with_texts(given, to);
}

void write(stek_failure* given, stek_error error, std::string_view message,
           std::string_view hint) noexcept {
  Whole<stek_failure> to;
  to->error = error;
  put_text(to->message, message);
  put_text(to->hint, hint);
  store_with_texts(given, to);
}

}  // namespace stek::c_api
