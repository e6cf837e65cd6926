// The numbers that C has for stek's enumerations: fixed, whatever order those have here. There is
// no second list: a value is found by its number.
#pragma once

#include <optional>

#include <stek/key_memory.hpp>
#include <stek/resumption.hpp>
#include <stek/ring.hpp>

namespace stek::c_api {

int number_of(Error error) noexcept;
int number_of(Reason reason) noexcept;
int number_of(Outcome outcome) noexcept;
int number_of(Alert alert) noexcept;
int number_of(EarlyData early_data) noexcept;
int number_of(Profile profile) noexcept;
int number_of(LegacyEms legacy_ems) noexcept;
int number_of(KeyMemory key_memory) noexcept;

/// The enumerator that has this number, if any.
template <class Enum>
std::optional<Enum> value_of(std::int64_t number) noexcept;

}  // namespace stek::c_api
