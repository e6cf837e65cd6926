// What a long-running command tells systemd, by its notification socket. Without one it says
// nothing.
#pragma once

#include <string_view>

namespace stek::tool {

/// Sends `state`, lines such as "READY=1", to $NOTIFY_SOCKET (sd_notify(3)). Waits for a second at
/// the most.
void tell_service_manager(std::string_view state) noexcept;

}  // namespace stek::tool
