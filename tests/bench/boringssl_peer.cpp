#include <dlfcn.h>

#include "boringssl_tickets.hpp"
#include "harness.hpp"
#include "peers.hpp"

namespace bench {

Peer boringssl_peer() {
  void* object = dlopen(STEK_BENCH_BORINGSSL, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  require(object != nullptr);
  const auto make =
      reinterpret_cast<decltype(&boringssl_tickets)>(dlsym(object, "boringssl_tickets"));
  const BoringsslTickets* tickets = make();
  require(tickets != nullptr);
  return {.who = "BoringSSL",
          .how = "re-created",
          .state_size = tickets->state_size,
          .ticket_size = tickets->ticket_size,
          .seal = [tickets] { require(tickets->seal()); },
          .open = [tickets] { require(tickets->open()); }};
}

}  // namespace bench
