#include <stek/stek.h>

#include "c_api/numbers.hpp"

namespace stek::c_api {
namespace {

// They are views of literals, so that a zero follows.
template <class Enum>
const char* name_of_number(int number) noexcept {
  const auto value = value_of<Enum>(number);
  return value ? name_of(*value).data() : "unknown";
}

template <class Enum>
const char* text_of_number(int number) noexcept {
  const auto value = value_of<Enum>(number);
  return value ? text_of(*value).data() : "unknown";
}

}  // namespace
}  // namespace stek::c_api

using namespace stek;
using namespace stek::c_api;

const char* stek_version() {
  return STEK_VERSION;
}

const char* stek_error_name(int error) {
  if (error == STEK_OK) return "ok";
  if (error == STEK_INVALID_ARGUMENT) return "invalid_argument";
  return name_of_number<Error>(error);
}
const char* stek_error_text(int error) {
  if (error == STEK_OK) return "done";
  if (error == STEK_INVALID_ARGUMENT) return "an argument is NULL or out of bounds";
  return text_of_number<Error>(error);
}
const char* stek_reason_name(int reason) {
  return name_of_number<Reason>(reason);
}
const char* stek_reason_text(int reason) {
  return text_of_number<Reason>(reason);
}
const char* stek_outcome_name(int outcome) {
  return name_of_number<Outcome>(outcome);
}
const char* stek_alert_name(int alert) {
  return name_of_number<Alert>(alert);
}
const char* stek_early_data_name(int early_data) {
  return name_of_number<EarlyData>(early_data);
}
const char* stek_profile_name(int profile) {
  return name_of_number<Profile>(profile);
}
