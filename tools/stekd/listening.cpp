#include "listening.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace stek::daemon {

using tool::complain;
using tool::Exit;

namespace {

std::vector<Place> places_of(const Config& config) {
  std::vector<Place> places;
  for (const ListenConfig& listener : config.listeners) places.push_back(listener.place);
  places.push_back(config.admin.place);
  if (!config.metrics_listen.empty()) {
    places.push_back({.path = {}, .mode = {}, .group = {}, .address = config.metrics_listen});
  }
  return places;
}

}  // namespace

tool::Or<void> refuse_unfit_places(const Config& config) {
  for (const Place& place : places_of(config)) {
    if (auto flaw = flaw_of(place)) {
      return complain(Exit::usage, std::move(flaw->message), std::move(flaw->hint));
    }
  }
  return {};
}

tool::Or<void> refuse_other_modes(const Config& next, const Config& now) {
  for (const Place& place : places_of(next)) {
    for (const Place& held : places_of(now)) {
      if (held.name() != place.name() || (held.mode == place.mode && held.group == place.group)) {
        continue;
      }
      return complain(Exit::failure,
                      place.name() + ": the mode or group of a socket does not change in a reload",
                      "restart stekd to have it made anew");
    }
  }
  return {};
}

tool::Or<Sockets> open_missing(const Config& config, const Sockets& held) {
  Sockets opened;
  for (const Place& place : places_of(config)) {
    if (held.contains(place.name())) continue;
    auto socket = Socket::listen_at(place);
    if (!socket) return complain(std::move(socket.error()));
    opened.emplace(place.name(), *std::move(socket));
  }
  return opened;
}

tool::Or<Sockets> placed(std::vector<Socket> passed, const Config& config) {
  Sockets sockets;
  const std::vector<Place> places = places_of(config);
  for (Socket& socket : passed) {
    const auto place =
        std::ranges::find_if(places, [&](const Place& there) { return is_at(socket, there); });
    if (place == places.end()) {
      return complain(
          Exit::failure,
          fmt::format("a socket at {} was passed, and no listener is there", socket.bound_to()),
          "the socket unit and the configuration have to name the same places");
    }
    sockets.emplace(place->name(), std::move(socket));
  }
  return sockets;
}

void close_surplus(Sockets& sockets, const Config& config) {
  const std::vector<Place> places = places_of(config);
  std::erase_if(sockets, [&](const auto& socket) {
    return std::ranges::find(places, socket.first, &Place::name) == places.end();
  });
}

}  // namespace stek::daemon
