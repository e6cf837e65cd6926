// The sockets that a configuration listens at, from one configuration to the next.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config.hpp"
#include "socket.hpp"

namespace stek::daemon {

/// By the names of their places.
using Sockets = std::map<std::string, Socket>;

/// Places at which nobody can listen, as far as `flaw_of` sees.
tool::Or<void> refuse_unfit_places(const Config& config);

/// A socket that is there already stays as it was made.
tool::Or<void> refuse_other_modes(const Config& next, const Config& now);

/// Sockets that the service manager passed, each at the place that `config` has for it.
tool::Or<Sockets> placed(std::vector<Socket> passed, const Config& config);

/// Those of `config` that are not in `held`.
tool::Or<Sockets> open_missing(const Config& config, const Sockets& held);

/// Those that `config` has not.
void close_surplus(Sockets& sockets, const Config& config);

}  // namespace stek::daemon
