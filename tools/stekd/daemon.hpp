// stekd from its start to its end: opens what the configuration names, serves, rotates, reloads on
// SIGHUP, drains on SIGTERM.
#pragma once

#include "config.hpp"
#include "log.hpp"

namespace stek::daemon {

/// Until SIGTERM or SIGINT. A complaint is why it did not start.
tool::Result run_daemon(const Flags& flags, Log& log);

/// Opens and reads all that `flags` name but what `remember` has, listens nowhere, changes nothing.
tool::Result check_configuration(const Flags& flags);

}  // namespace stek::daemon
