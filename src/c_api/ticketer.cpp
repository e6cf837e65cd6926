#include <cstring>

#include "c_api/call.hpp"
#include "c_api/sized.hpp"
#include "c_api/structs.hpp"
#include "store/ring_url.hpp"

namespace stek::c_api {
namespace {

// ---- words for what goes wrong

struct Complaint {
  stek_error error;
  std::string message;
  std::string hint;
};
using Result = std::expected<void, Complaint>;

std::unexpected<Complaint> complain(Failure failure) {
  return std::unexpected(
      Complaint{number(failure.error), std::move(failure.message), std::move(failure.hint)});
}

std::unexpected<Complaint> invalid(std::string_view what) {
  return std::unexpected(Complaint{STEK_INVALID_ARGUMENT, std::string(what), {}});
}

/// A call that has words for what goes wrong.
template <class Call>
stek_error told(stek_failure* failure, const Call& call) noexcept {
  if (failure != nullptr && !fits(failure)) return STEK_INVALID_ARGUMENT;
  const auto tell = [&](stek_error error, std::string_view message, std::string_view hint) {
    if (failure != nullptr) write(failure, error, message, hint);
    return error;
  };
  try {
    const Result result = call();
    if (result) return STEK_OK;
    return tell(result.error().error, result.error().message, result.error().hint);
  } catch (...) {  // as in `guarded`
    return tell(STEK_NO_MEMORY, text_of(Error::no_memory), {});
  }
}

constexpr std::string_view bad_now = "now: not STEK_NOW, nor an instant below 2^40";

// ---- rings

struct Place {
  FileStore store;
  Instant now;
};

std::expected<Place, Complaint> place_from(const char* ring, std::int64_t now) {
  const auto instant = instant_from(now);
  if (ring == nullptr) return invalid("ring: NULL");
  if (!instant) return invalid(bad_now);
  auto store = store_at(ring);
  if (!store) return complain(std::move(store.error()));
  return Place{.store = *std::move(store), .now = *instant};
}

Result create_ring(const char* ring, const stek_schedule* given, std::int64_t now) {
  auto place = place_from(ring, now);
  if (!place) return std::unexpected(std::move(place.error()));
  Schedule schedule;
  if (const auto flaw = read(given, schedule)) return invalid(*flaw);
  const auto first = new_ring(schedule, place->now);
  if (!first) return complain(first.error());
  auto created = place->store.create(*first);
  if (!created) return complain(std::move(created.error()));
  return {};
}

using Change = std::expected<KeyRing, Failure>(KeyRing ring, Instant now);

std::expected<KeyRing, Failure> rotated(KeyRing ring, Instant now) {
  return advance(std::move(ring), now);
}

std::expected<KeyRing, Failure> promoted_at_once(KeyRing ring, Instant now) {
  return promote(std::move(ring), now, Seconds(0));
}

Result change_ring(const char* ring, std::int64_t now, Change& change) {
  auto place = place_from(ring, now);
  if (!place) return std::unexpected(std::move(place.error()));
  auto changed =
      place->store.update([&](KeyRing held) { return change(std::move(held), place->now); });
  if (!changed) return complain(std::move(changed.error()));
  return {};
}

// ---- ticketers

Result hand_out(std::shared_ptr<Held> held, std::expected<Ticketer, Failure> ticketer,
                stek_ticketer*& handle) {
  if (!ticketer) return complain(std::move(ticketer.error()));
  held->ticketer = *std::move(ticketer);
  handle = std::make_unique<stek_ticketer>(std::move(held)).release();
  return {};
}

Result open_ticketer(const char* ring, const stek_policy* policy, std::int64_t now,
                     stek_ticketer*& handle) {
  auto place = place_from(ring, now);
  if (!place) return std::unexpected(std::move(place.error()));
  TicketerOptions options;
  if (const auto flaw = read(policy, options)) return invalid(*flaw);
  auto held = std::make_shared<Held>();
  held->store = std::move(place->store);
  auto ticketer = Ticketer::open(*held->store, std::move(options), place->now);
  return hand_out(std::move(held), std::move(ticketer), handle);
}

Result make_standalone(const stek_schedule* given, const stek_policy* policy, std::int64_t now,
                       stek_ticketer*& handle) {
  const auto instant = instant_from(now);
  if (!instant) return invalid(bad_now);
  Schedule schedule;
  if (const auto flaw = read(given, schedule)) return invalid(*flaw);
  TicketerOptions options;
  if (const auto flaw = read(policy, options)) return invalid(*flaw);
  return hand_out(std::make_shared<Held>(),
                  Ticketer::standalone(schedule, std::move(options), *instant), handle);
}

Result refresh(stek_ticketer* ticketer, std::int64_t now) {
  const auto instant = instant_from(now);
  if (ticketer == nullptr) return invalid("ticketer: NULL");
  if (!instant) return invalid(bad_now);
  auto refreshed = ticketer->held->ticketer->refresh(*instant);
  if (!refreshed) return complain(std::move(refreshed.error()));
  return {};
}

std::optional<Context> context_from(const std::uint8_t* given) noexcept {
  if (given == nullptr) return std::nullopt;
  Context context;
  std::memcpy(context.data(), given, context.size());
  return context;
}

Result view(stek_ticketer* ticketer, std::optional<Bytes> domain, const std::uint8_t* context,
            std::int64_t now, stek_tickets*& handle) {
  const auto instant = instant_from(now);
  if (ticketer == nullptr) return invalid("ticketer: NULL");
  if (!domain) return invalid("domain: NULL");
  if (!instant) return invalid(bad_now);
  const std::string_view name(reinterpret_cast<const char*>(domain->data()), domain->size());
  auto tickets = ticketer->held->ticketer->in(name, context_from(context), *instant);
  if (!tickets) return complain(std::move(tickets.error()));
  handle = std::make_unique<stek_tickets>(ticketer->held, *std::move(tickets)).release();
  return {};
}

}  // namespace
}  // namespace stek::c_api

using namespace stek;
using namespace stek::c_api;

stek_error stek_ring_create(const char* ring, const stek_schedule* schedule, int64_t now,
                            stek_failure* failure) {
  return told(failure, [&] { return create_ring(ring, schedule, now); });
}

stek_error stek_ring_rotate(const char* ring, int64_t now, stek_failure* failure) {
  return told(failure, [&] { return change_ring(ring, now, rotated); });
}

stek_error stek_ring_promote(const char* ring, int64_t now, stek_failure* failure) {
  return told(failure, [&] { return change_ring(ring, now, promoted_at_once); });
}

stek_error stek_ticketer_open(const char* ring, const stek_policy* policy, int64_t now,
                              stek_ticketer** ticketer, stek_failure* failure) {
  if (ticketer != nullptr) *ticketer = nullptr;
  return told(failure, [&]() -> Result {
    if (ticketer == nullptr) return invalid("ticketer: NULL");
    return open_ticketer(ring, policy, now, *ticketer);
  });
}

stek_error stek_ticketer_standalone(const stek_schedule* schedule, const stek_policy* policy,
                                    int64_t now, stek_ticketer** ticketer, stek_failure* failure) {
  if (ticketer != nullptr) *ticketer = nullptr;
  return told(failure, [&]() -> Result {
    if (ticketer == nullptr) return invalid("ticketer: NULL");
    return make_standalone(schedule, policy, now, *ticketer);
  });
}

void stek_ticketer_close(stek_ticketer* ticketer) {
  delete ticketer;
}

stek_error stek_ticketer_refresh(stek_ticketer* ticketer, int64_t now, stek_failure* failure) {
  return told(failure, [&] { return refresh(ticketer, now); });
}

stek_error stek_ticketer_health(const stek_ticketer* ticketer, int64_t now, stek_health* health) {
  return guarded([&] {
    const auto instant = instant_from(now);
    if (ticketer == nullptr || !instant || !fits(health)) return STEK_INVALID_ARGUMENT;
    write(health, ticketer->held->ticketer->health(*instant));
    return STEK_OK;
  });
}

stek_error stek_ticketer_in(stek_ticketer* ticketer, const void* domain, size_t domain_size,
                            const uint8_t* context, int64_t now, stek_tickets** tickets,
                            stek_failure* failure) {
  if (tickets != nullptr) *tickets = nullptr;
  return told(failure, [&]() -> Result {
    if (tickets == nullptr) return invalid("tickets: NULL");
    return view(ticketer, bytes_from(domain, domain_size), context, now, *tickets);
  });
}

void stek_tickets_close(stek_tickets* tickets) {
  delete tickets;
}
