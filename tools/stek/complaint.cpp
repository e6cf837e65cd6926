#include "complaint.hpp"

namespace stek::tool {
namespace {

Exit exit_for(Error error) noexcept {
  return error == Error::not_found || error == Error::unreachable ? Exit::unreachable
                                                                  : Exit::failure;
}

}  // namespace

std::unexpected<Complaint> complain(Failure failure) {
  return complain(exit_for(failure.error), std::move(failure.message), std::move(failure.hint));
}

std::unexpected<Complaint> complain(Exit exit, std::string message, std::string hint) {
  return std::unexpected(
      Complaint{.exit = exit, .message = std::move(message), .hint = std::move(hint)});
}

}  // namespace stek::tool
