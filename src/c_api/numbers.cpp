#include "c_api/numbers.hpp"

#include <stek/stek.h>

namespace stek::c_api {

namespace {

constexpr int no_number = -1;

}  // namespace

// No switch has a default: a new enumerator stops the compiler.

int number_of(Error error) noexcept {
  switch (error) {
    case Error::no_active_key:
      return STEK_NO_ACTIVE_KEY;
    case Error::randomness_failed:
      return STEK_RANDOMNESS_FAILED;
    case Error::cipher_unavailable:
      return STEK_CIPHER_UNAVAILABLE;
    case Error::room_too_small:
      return STEK_ROOM_TOO_SMALL;
    case Error::too_large:
      return STEK_TOO_LARGE;
    case Error::invalid_session:
      return STEK_INVALID_SESSION;
    case Error::no_extended_master_secret:
      return STEK_NO_EXTENDED_MASTER_SECRET;
    case Error::authentication_too_old:
      return STEK_AUTHENTICATION_TOO_OLD;
    case Error::context_missing:
      return STEK_CONTEXT_MISSING;
    case Error::identity_expired:
      return STEK_IDENTITY_EXPIRED;
    case Error::identity_missing:
      return STEK_IDENTITY_MISSING;
    case Error::not_found:
      return STEK_NOT_FOUND;
    case Error::already_there:
      return STEK_ALREADY_THERE;
    case Error::unreachable:
      return STEK_UNREACHABLE;
    case Error::exposed:
      return STEK_EXPOSED;
    case Error::damaged:
      return STEK_DAMAGED;
    case Error::unknown_format:
      return STEK_UNKNOWN_FORMAT;
    case Error::invalid_ring:
      return STEK_INVALID_RING;
    case Error::invalid_schedule:
      return STEK_INVALID_SCHEDULE;
    case Error::weak_secret:
      return STEK_WEAK_SECRET;
    case Error::clock_behind:
      return STEK_CLOCK_BEHIND;
    case Error::other_ring:
      return STEK_OTHER_RING;
    case Error::rolled_back:
      return STEK_ROLLED_BACK;
    case Error::no_memory:
      return STEK_NO_MEMORY;
    case Error::no_such_key:
      return STEK_NO_SUCH_KEY;
    case Error::wrong_kek:
      return STEK_WRONG_KEK;
    case Error::memory_unlocked:
      return STEK_MEMORY_UNLOCKED;
    case Error::unsuitable:
      return STEK_UNSUITABLE;
    case Error::malformed:
      return STEK_MALFORMED;
  }
  return no_number;
}

int number_of(Reason reason) noexcept {
  switch (reason) {
    case Reason::resumes:
      return STEK_REASON_RESUMES;
    case Reason::no_ticket:
      return STEK_REASON_NO_TICKET;
    case Reason::ticket_length:
      return STEK_REASON_TICKET_LENGTH;
    case Reason::unknown_key:
      return STEK_REASON_UNKNOWN_KEY;
    case Reason::key_expired:
      return STEK_REASON_KEY_EXPIRED;
    case Reason::altered:
      return STEK_REASON_ALTERED;
    case Reason::other_content:
      return STEK_REASON_OTHER_CONTENT;
    case Reason::version_unsupported:
      return STEK_REASON_VERSION_UNSUPPORTED;
    case Reason::inappropriate_fallback:
      return STEK_REASON_INAPPROPRIATE_FALLBACK;
    case Reason::no_application_protocol:
      return STEK_REASON_NO_APPLICATION_PROTOCOL;
    case Reason::transport_differs:
      return STEK_REASON_TRANSPORT_DIFFERS;
    case Reason::version_differs:
      return STEK_REASON_VERSION_DIFFERS;
    case Reason::ticket_expired:
      return STEK_REASON_TICKET_EXPIRED;
    case Reason::issued_in_future:
      return STEK_REASON_ISSUED_IN_FUTURE;
    case Reason::authentication_too_old:
      return STEK_REASON_AUTHENTICATION_TOO_OLD;
    case Reason::identity_expired:
      return STEK_REASON_IDENTITY_EXPIRED;
    case Reason::identity_missing:
      return STEK_REASON_IDENTITY_MISSING;
    case Reason::context_differs:
      return STEK_REASON_CONTEXT_DIFFERS;
    case Reason::server_name_differs:
      return STEK_REASON_SERVER_NAME_DIFFERS;
    case Reason::suite_not_offered:
      return STEK_REASON_SUITE_NOT_OFFERED;
    case Reason::suite_not_enabled:
      return STEK_REASON_SUITE_NOT_ENABLED;
    case Reason::hash_differs:
      return STEK_REASON_HASH_DIFFERS;
    case Reason::compression_not_offered:
      return STEK_REASON_COMPRESSION_NOT_OFFERED;
    case Reason::compression_offered:
      return STEK_REASON_COMPRESSION_OFFERED;
    case Reason::truncated_hmac:
      return STEK_REASON_TRUNCATED_HMAC;
    case Reason::max_fragment_length_invalid:
      return STEK_REASON_MAX_FRAGMENT_LENGTH_INVALID;
    case Reason::max_fragment_length_differs:
      return STEK_REASON_MAX_FRAGMENT_LENGTH_DIFFERS;
    case Reason::extended_master_secret_missing:
      return STEK_REASON_EXTENDED_MASTER_SECRET_MISSING;
    case Reason::extended_master_secret_added:
      return STEK_REASON_EXTENDED_MASTER_SECRET_ADDED;
    case Reason::extended_master_secret_absent:
      return STEK_REASON_EXTENDED_MASTER_SECRET_ABSENT;
    case Reason::encrypt_then_mac_missing:
      return STEK_REASON_ENCRYPT_THEN_MAC_MISSING;
    case Reason::encrypt_then_mac_added:
      return STEK_REASON_ENCRYPT_THEN_MAC_ADDED;
    case Reason::pre_shared_key_not_last:
      return STEK_REASON_PRE_SHARED_KEY_NOT_LAST;
    case Reason::psk_modes_missing:
      return STEK_REASON_PSK_MODES_MISSING;
    case Reason::psk_mode_unsuitable:
      return STEK_REASON_PSK_MODE_UNSUITABLE;
  }
  return no_number;
}

int number_of(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::resume:
      return STEK_RESUME;
    case Outcome::full_handshake:
      return STEK_FULL_HANDSHAKE;
    case Outcome::abort:
      return STEK_ABORT;
  }
  return no_number;
}

int number_of(Alert alert) noexcept {
  switch (alert) {
    case Alert::none:
      return STEK_ALERT_NONE;
    case Alert::handshake_failure:
      return STEK_ALERT_HANDSHAKE_FAILURE;
    case Alert::illegal_parameter:
      return STEK_ALERT_ILLEGAL_PARAMETER;
    case Alert::protocol_version:
      return STEK_ALERT_PROTOCOL_VERSION;
    case Alert::inappropriate_fallback:
      return STEK_ALERT_INAPPROPRIATE_FALLBACK;
    case Alert::missing_extension:
      return STEK_ALERT_MISSING_EXTENSION;
    case Alert::no_application_protocol:
      return STEK_ALERT_NO_APPLICATION_PROTOCOL;
  }
  return no_number;
}

int number_of(EarlyData early_data) noexcept {
  switch (early_data) {
    case EarlyData::none:
      return STEK_EARLY_DATA_NONE;
    case EarlyData::accept:
      return STEK_EARLY_DATA_ACCEPT;
    case EarlyData::disabled:
      return STEK_EARLY_DATA_DISABLED;
    case EarlyData::not_in_ticket:
      return STEK_EARLY_DATA_NOT_IN_TICKET;
    case EarlyData::not_first_identity:
      return STEK_EARLY_DATA_NOT_FIRST_IDENTITY;
    case EarlyData::suite_differs:
      return STEK_EARLY_DATA_SUITE_DIFFERS;
    case EarlyData::server_name_differs:
      return STEK_EARLY_DATA_SERVER_NAME_DIFFERS;
    case EarlyData::application_protocol_differs:
      return STEK_EARLY_DATA_APPLICATION_PROTOCOL_DIFFERS;
    case EarlyData::not_fresh:
      return STEK_EARLY_DATA_NOT_FRESH;
  }
  return no_number;
}

int number_of(Profile profile) noexcept {
  switch (profile) {
    case Profile::aes256gcm:
      return STEK_AES256GCM;
    case Profile::xchacha20poly1305:
      return STEK_XCHACHA20POLY1305;
    case Profile::rfc5077:
      return STEK_RFC5077;
  }
  return no_number;
}

int number_of(LegacyEms legacy_ems) noexcept {
  switch (legacy_ems) {
    case LegacyEms::full_handshake:
      return STEK_LEGACY_EMS_FULL_HANDSHAKE;
    case LegacyEms::abort:
      return STEK_LEGACY_EMS_ABORT;
    case LegacyEms::resume:
      return STEK_LEGACY_EMS_RESUME;
  }
  return no_number;
}

int number_of(KeyMemory key_memory) noexcept {
  switch (key_memory) {
    case KeyMemory::forkable:
      return STEK_KEY_MEMORY_FORKABLE;
    case KeyMemory::secret:
      return STEK_KEY_MEMORY_SECRET;
  }
  return no_number;
}

template <class Enum>
std::optional<Enum> value_of(std::int64_t number) noexcept {
  for (int i = 0; i <= 0xff; ++i) {
    const auto value = static_cast<Enum>(i);
    if (number == number_of(value) && number != no_number) return value;
  }
  return std::nullopt;
}

template std::optional<Error> value_of(std::int64_t number) noexcept;
template std::optional<Reason> value_of(std::int64_t number) noexcept;
template std::optional<Outcome> value_of(std::int64_t number) noexcept;
template std::optional<Alert> value_of(std::int64_t number) noexcept;
template std::optional<EarlyData> value_of(std::int64_t number) noexcept;
template std::optional<Profile> value_of(std::int64_t number) noexcept;
template std::optional<LegacyEms> value_of(std::int64_t number) noexcept;
template std::optional<KeyMemory> value_of(std::int64_t number) noexcept;

}  // namespace stek::c_api
