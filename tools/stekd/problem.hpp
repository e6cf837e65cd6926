// What a request was refused for, as RFC 9457 has it.
//
//   {"type": "urn:stek:problem:no_active_key", "title": "no key of the ring seals at this instant",
//    "status": 503, "detail": "...", "hint": "..."}
#pragma once

#include "http.hpp"

namespace stek::daemon {

struct Problem {
  unsigned status = 400;
  std::string_view name;   ///< stable, for programs: the last part of `type`
  std::string_view title;  ///< the same in words
  std::string detail{};    ///< of this request; never a secret, never its body
  std::string hint{};      ///< what to do
};

inline const Problem internal_problem = {
    .status = 500, .name = "internal", .title = "no memory, or a bug of stekd"};

/// 400, where the request itself is wrong. `detail` says what and where.
Problem malformed(std::string detail, std::string hint = {});

Response response_of(const Problem& problem);

/// `failure` as a problem under its own name.
Response response_of(unsigned status, const Failure& failure);

/// 404.
Response not_found(std::string hint = {});
/// 405. `allowed` is the method that the route takes.
Response method_not_allowed(std::string_view allowed);

}  // namespace stek::daemon
