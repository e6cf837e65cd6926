#include <stek/error.hpp>

namespace stek {
namespace {

struct Words {
  std::string_view name;
  std::string_view text;
};

struct ReasonWords {
  std::string_view name;
  std::string_view text;
  std::string_view rfc;
};

Words words_of(Error error) noexcept {
  switch (error) {
    case Error::no_active_key:
      return {"no_active_key", "no key of the ring seals at this time"};
    case Error::randomness_failed:
      return {"randomness_failed", "the kernel gave no random bytes"};
    case Error::cipher_unavailable:
      return {"cipher_unavailable", "this machine cannot run the ring's profile"};
    case Error::room_too_small:
      return {"room_too_small", "the buffer cannot hold the result"};
    case Error::too_large:
      return {"too_large", "the session does not fit the largest ticket"};
    case Error::invalid_session:
      return {"invalid_session", "a field of the session is out of its range"};
    case Error::no_extended_master_secret:
      return {"no_extended_master_secret",
              "TLS up to 1.2 without extended master secret gets no ticket"};
    case Error::authentication_too_old:
      return {"authentication_too_old", "the first full handshake is too long ago"};
    case Error::context_missing:
      return {"context_missing",
              "a session with a client identity gets a ticket only under a context"};
    case Error::identity_expired:
      return {"identity_expired", "the client's identity has expired"};
    case Error::identity_missing:
      return {"identity_missing", "the policy requires a client identity and the session has none"};
    case Error::not_found:
      return {"not_found", "nothing at this place"};
    case Error::already_there:
      return {"already_there", "something is at this place already"};
    case Error::unreachable:
      return {"unreachable", "the store cannot be reached"};
    case Error::exposed:
      return {"exposed", "secrets are readable by others"};
    case Error::damaged:
      return {"damaged", "cut short, altered, or not a ring"};
    case Error::unknown_format:
      return {"unknown_format", "written by a newer stek"};
    case Error::invalid_ring:
      return {"invalid_ring", "the ring contradicts itself"};
    case Error::invalid_schedule:
      return {"invalid_schedule", "the schedule contradicts itself"};
    case Error::weak_secret:
      return {"weak_secret", "a key's secret is not random"};
    case Error::clock_behind:
      return {"clock_behind", "the clock is before the ring was made"};
    case Error::other_ring:
      return {"other_ring", "not the ring that was read first"};
    case Error::rolled_back:
      return {"rolled_back", "an older ring than the one held"};
    case Error::no_memory:
      return {"no_memory", "no memory for keys"};
    case Error::no_such_key:
      return {"no_such_key", "the ring has no key of this name"};
    case Error::wrong_kek:
      return {"wrong_kek", "not sealed under the key-encryption key given"};
    case Error::memory_unlocked:
      return {"memory_unlocked", "memory cannot be locked against swapping"};
    case Error::unsuitable:
      return {"unsuitable", "not something that this call works on"};
    case Error::malformed:
      return {"malformed", "does not parse"};
  }
  return {"unknown", "unknown"};
}

ReasonWords words_of(Reason reason) noexcept {
  switch (reason) {
    case Reason::resumes:
      return {"resumes", "nothing stands against resumption", ""};
    case Reason::no_ticket:
      return {"no_ticket", "the client offered no ticket", "RFC 5077 section 3.2"};
    case Reason::ticket_length:
      return {"ticket_length", "no ticket has this length", "RFC 5077 section 3.2"};
    case Reason::unknown_key:
      return {"unknown_key", "no key of the ring has the ticket's key name",
              "RFC 5077 section 3.2"};
    case Reason::key_expired:
      return {"key_expired", "the ticket's key has reached its end", "RFC 5077 section 5.5"};
    case Reason::altered:
      return {"altered", "the tag does not fit: altered, or of another trust domain",
              "RFC 5077 section 3.2"};
    case Reason::other_content:
      return {"other_content", "the ticket opens, but holds something else than was asked for",
              "RFC 5077 section 3.2"};
    case Reason::version_unsupported:
      return {"version_unsupported", "the client offers no version that is enabled here",
              "RFC 5246 appendix E.1"};
    case Reason::inappropriate_fallback:
      return {"inappropriate_fallback", "the client fell back to a lower version than both support",
              "RFC 7507 section 3"};
    case Reason::no_application_protocol:
      return {"no_application_protocol",
              "the client offers no application protocol that is spoken here",
              "RFC 7301 section 3.2"};
    case Reason::transport_differs:
      return {"transport_differs", "the session is of another transport", "RFC 5077 section 4"};
    case Reason::version_differs:
      return {"version_differs", "another version is negotiated now", "RFC 5077 section 4"};
    case Reason::ticket_expired:
      return {"ticket_expired", "the ticket is older than its lifetime", "RFC 5077 section 5.6"};
    case Reason::issued_in_future:
      return {"issued_in_future", "the ticket was issued in the future", "RFC 5077 section 4"};
    case Reason::authentication_too_old:
      return {"authentication_too_old", "the first full handshake is too long ago",
              "RFC 9325 section 3.4"};
    case Reason::identity_expired:
      return {"identity_expired", "the client's identity has expired", "RFC 5246 appendix F.1.4"};
    case Reason::identity_missing:
      return {"identity_missing", "the policy requires a client identity and the session has none",
              "RFC 5077 section 4"};
    case Reason::context_differs:
      return {"context_differs", "the session was authenticated under another configuration",
              "RFC 5077 section 4"};
    case Reason::server_name_differs:
      return {"server_name_differs", "the client asks for another server name",
              "RFC 6066 section 3"};
    case Reason::suite_not_offered:
      return {"suite_not_offered", "the client no longer offers the session's cipher suite",
              "RFC 5246 section 7.4.1.2"};
    case Reason::suite_not_enabled:
      return {"suite_not_enabled", "the session's cipher suite is no longer enabled here",
              "RFC 5246 section 7.4.1.3"};
    case Reason::hash_differs:
      return {"hash_differs", "no common cipher suite has the session's hash",
              "RFC 8446 section 4.2.11"};
    case Reason::compression_not_offered:
      return {"compression_not_offered", "the client does not offer null compression",
              "RFC 5246 section 7.4.1.2"};
    case Reason::compression_offered:
      return {"compression_offered", "the client offers compression in TLS 1.3",
              "RFC 8446 section 4.1.2"};
    case Reason::truncated_hmac:
      return {"truncated_hmac", "the session has a truncated HMAC", "RFC 9325 section 4.6"};
    case Reason::max_fragment_length_invalid:
      return {"max_fragment_length_invalid",
              "the client asks for a fragment length that is not defined", "RFC 6066 section 4"};
    case Reason::max_fragment_length_differs:
      return {"max_fragment_length_differs", "the client asks for another fragment length",
              "RFC 6066 section 4"};
    case Reason::extended_master_secret_missing:
      return {"extended_master_secret_missing",
              "the session has an extended master secret and the client offers none",
              "RFC 7627 section 5.3"};
    case Reason::extended_master_secret_added:
      return {"extended_master_secret_added",
              "the client offers an extended master secret and the session has none",
              "RFC 7627 section 5.3"};
    case Reason::extended_master_secret_absent:
      return {"extended_master_secret_absent",
              "neither the session nor the client has an extended master secret",
              "RFC 7627 section 5.3"};
    case Reason::encrypt_then_mac_missing:
      return {"encrypt_then_mac_missing",
              "the session has encrypt-then-MAC and the client offers none",
              "RFC 7366 section 3.1"};
    case Reason::encrypt_then_mac_added:
      return {"encrypt_then_mac_added",
              "the client offers encrypt-then-MAC and the session has none",
              "RFC 7366 section 3.1"};
    case Reason::pre_shared_key_not_last:
      return {"pre_shared_key_not_last", "pre_shared_key is not the last extension",
              "RFC 8446 section 4.2.11"};
    case Reason::psk_modes_missing:
      return {"psk_modes_missing", "the client offers a PSK without psk_key_exchange_modes",
              "RFC 8446 section 4.2.9"};
    case Reason::psk_mode_unsuitable:
      return {"psk_mode_unsuitable", "the client does not offer psk_dhe_ke with a key share",
              "RFC 8446 section 4.2.9"};
  }
  return {"unknown", "unknown", ""};
}

}  // namespace

std::string_view name_of(Error error) noexcept {
  return words_of(error).name;
}
std::string_view text_of(Error error) noexcept {
  return words_of(error).text;
}
std::string_view name_of(Reason reason) noexcept {
  return words_of(reason).name;
}
std::string_view text_of(Reason reason) noexcept {
  return words_of(reason).text;
}
std::string_view rfc_of(Reason reason) noexcept {
  return words_of(reason).rfc;
}

}  // namespace stek
