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

}  // namespace stek::daemon
