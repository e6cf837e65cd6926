// What a session may be: checked alike before sealing and after opening.
#pragma once

#include <optional>
#include <string_view>

#include <stek/session.hpp>

namespace stek {

/// What `issue` sets, whatever the session says.
struct Stamp {
  Instant issued_at;
  Instant authenticated_at;
  Seconds lifetime;
  Context context;
};
Stamp stamp_of(const Session& session) noexcept;

/// As `flaw_of(session)`, with the stamp in place of the session's own.
std::optional<std::string_view> flaw_of(const Session& session, const Stamp& stamp) noexcept;

/// As `flaw_of(session)`, but for the client's identity and for what `issue` sets: all that is
/// asked of a session that another library wrote down.
std::optional<std::string_view> flaw_of_parameters(const Session& session) noexcept;

}  // namespace stek
