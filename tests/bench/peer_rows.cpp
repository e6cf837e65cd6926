#include "peers.hpp"
#include "rows.hpp"

namespace bench {
namespace {

Measure measured(const std::function<void()>& work, const std::function<double()>& seconds) {
  return [=](int calls) {
    const double begin = seconds();
    for (int i = 0; i < calls; ++i) work();
    return seconds() - begin;
  };
}

[[maybe_unused]] void add_peer(Rows& rows, const Peer& peer) {
  const auto add_row = [&](const char* what, const char* bare, const std::function<void()>& work) {
    Row& added = add(rows, peer.who, what, peer.state_size, measured(work, peer.seconds));
    added.note = peer.how;
    added.beside = &row(rows, "libsodium", bare, 128);
  };
  add_row("seal", "aes256gcm seal", peer.seal);
  add_row("open", "aes256gcm open", peer.open);
}

}  // namespace

void add_peer_rows(Rows& rows) {
#ifdef STEK_BENCH_MBEDTLS
  add_peer(rows, mbedtls_peer());
#endif
#ifdef STEK_BENCH_OPENSSL
  add_peer(rows, openssl_peer());
#endif
#ifdef STEK_BENCH_GNUTLS
  add_peer(rows, gnutls_peer());
#endif
#ifdef STEK_BENCH_BORINGSSL
  add_peer(rows, boringssl_peer());
#endif
#ifdef STEK_BENCH_REDIS
  add_peer(rows, redis_peer());
#endif
}

}  // namespace bench
