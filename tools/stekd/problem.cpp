#include "problem.hpp"

#include "json_body.hpp"

namespace stek::daemon {

Response response_of(const Problem& problem) {
  wire::Json json = {{"type", "urn:stek:problem:" + std::string(problem.name)},
                     {"title", problem.title},
                     {"status", problem.status}};
  if (!problem.detail.empty()) json["detail"] = problem.detail;
  if (!problem.hint.empty()) json["hint"] = problem.hint;
  Response response = response_of(json, problem.status);
  response.content_type = "application/problem+json";
  return response;
}

Response response_of(unsigned status, const Failure& failure) {
  return response_of(Problem{.status = status,
                             .name = name_of(failure.error),
                             .title = text_of(failure.error),
                             .detail = failure.message,
                             .hint = failure.hint});
}

Problem malformed(std::string detail, std::string hint) {
  return {.status = 400,
          .name = name_of(Error::malformed),
          .title = text_of(Error::malformed),
          .detail = std::move(detail),
          .hint = std::move(hint)};
}

Response not_found(std::string hint) {
  return response_of(Problem{.status = 404,
                             .name = "not_found",
                             .title = "there is nothing here",
                             .hint = std::move(hint)});
}

Response method_not_allowed(std::string_view allowed) {
  Response response = response_of(Problem{
      .status = 405, .name = "method_not_allowed", .title = "this route takes another method"});
  response.fields.push_back({"Allow", std::string(allowed)});
  return response;
}

}  // namespace stek::daemon
