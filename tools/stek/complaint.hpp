// How a verb ends: with an exit code, or with a complaint that `run` prints.
#pragma once

#include <expected>
#include <string>

#include <stek/error.hpp>

namespace stek::tool {

enum class Exit : int {
  done = 0,
  failure = 1,
  usage = 2,
  refused = 3,      ///< the ticket does not resume
  unreachable = 4,  ///< no ring, or a store that cannot be read or written
};

struct Complaint {
  Exit exit = Exit::failure;
  std::string message;  ///< lower case, no full stop, no secret
  std::string hint;     ///< may be empty
};

using Result = std::expected<Exit, Complaint>;

/// Something to go on with, or why not.
template <class T>
using Or = std::expected<T, Complaint>;

/// `failure` in the tool's terms: what of it is a matter of the store gets an exit code of its own.
std::unexpected<Complaint> complain(Failure failure);
std::unexpected<Complaint> complain(Exit exit, std::string message, std::string hint = {});

}  // namespace stek::tool
