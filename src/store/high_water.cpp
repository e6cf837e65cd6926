#include "store/high_water.hpp"

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "store/secret_file.hpp"
#include "wire/record.hpp"

namespace stek::store {
namespace {

using keys::RingMark;

inline constexpr wire::Header mark_record{
    "RingMark",
    wire::Constant{"version", 1, ""},
    wire::Field<&RingMark::id>{"id", ""},
    wire::Field<&RingMark::generation>{"generation", ""},
    wire::Field<&RingMark::fingerprint>{"fingerprint", ""},
};
using Encoded = std::array<std::byte, mark_record.size>;

Encoded encoded(const RingMark& mark) noexcept {
  Encoded bytes{};
  mark_record.encode(bytes, mark);
  return bytes;
}

/// What `file` remembers; nothing where there is no such file yet.
std::expected<std::optional<RingMark>, Failure> remembered(const std::filesystem::path& file) {
  const auto bytes = read_secret_file(file, "what was read last");
  if (!bytes && bytes.error().error == Error::not_found) return std::nullopt;
  if (!bytes) return std::unexpected(bytes.error());
  RingMark mark;
  if (bytes->size() == mark_record.size &&
      mark_record.decode(Bytes(*bytes).first<mark_record.size>(), mark)) {
    return mark;
  }
  return std::unexpected(
      Failure{.error = Error::damaged,
              .message = file.string() + " does not say which ring was read last",
              .hint = "remove it to take the ring as it is now"});
}

}  // namespace

std::expected<HighWater, Failure> HighWater::hold(const std::filesystem::path& file) {
  auto lock = FileLock::take(file);
  if (!lock) return std::unexpected(std::move(lock.error()));
  const auto held = remembered(file);
  if (!held) return std::unexpected(held.error());
  return HighWater(file, *std::move(lock), *held);
}

std::optional<Failure> HighWater::refusal(const RingMark& next) const {
  if (!held_) return std::nullopt;
  return keys::refusal_to_follow(*held_, next,
                                 fmt::format("remove {} to take it all the same", file_.string()));
}

std::expected<void, Failure> HighWater::raise(const RingMark& next) {
  if (held_ == next) return {};
  if (auto written = replace_ring_file(file_, encoded(next)); !written) return written;
  held_ = next;
  return {};
}

}  // namespace stek::store
