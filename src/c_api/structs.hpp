// The structs of stek.h in stek's own types. What is read from or written to fits (sized.hpp), but
// for policies and schedules, of which that is told.
#pragma once

#include <optional>

#include <stek/stek.h>
#include <stek/ticketer.hpp>

namespace stek::c_api {

/// What is wrong with a struct, or nothing. Without a struct, `to` keeps its defaults.
using Flaw = std::optional<std::string_view>;
Flaw read(const stek_schedule* given, Schedule& to) noexcept;
Flaw read(const stek_policy* given, TicketerOptions& to);

/// Why no session can be read, or nothing.
std::optional<Error> read(const stek_session* given, Session& to);

/// The room that `write` needs for what the pointers of `given` are to point to.
std::size_t room_for(const Session& session, const stek_session* given) noexcept;
void write(stek_session* given, const Session& session, Room room) noexcept;
void write(stek_verdict* given, const Resumption& resumption) noexcept;
void write(stek_health* given, const Health& health) noexcept;
void write(stek_failure* given, stek_error error, std::string_view message,
           std::string_view hint) noexcept;

}  // namespace stek::c_api
