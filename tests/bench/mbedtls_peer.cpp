#include <array>
#include <cstring>
#include <ctime>
#include <memory>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl_ticket.h>

#include "harness.hpp"
#include "peers.hpp"

namespace bench {
namespace {

class MbedtlsTickets {
 public:
  MbedtlsTickets() {
    mbedtls_entropy_init(&entropy_);
    mbedtls_ctr_drbg_init(&random_);
    mbedtls_ssl_ticket_init(&tickets_);
    mbedtls_ssl_session_init(&session_);
    require(mbedtls_ctr_drbg_seed(&random_, mbedtls_entropy_func, &entropy_, nullptr, 0) == 0);
    require(mbedtls_ssl_ticket_setup(&tickets_, mbedtls_ctr_drbg_random, &random_,
                                     MBEDTLS_CIPHER_AES_256_GCM, 43'200) == 0);
    session_.start = std::time(nullptr);
    session_.ciphersuite = MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    std::memset(session_.master, 7, sizeof session_.master);
    seal();
    open();
  }
  ~MbedtlsTickets() {
    mbedtls_ssl_session_free(&session_);
    mbedtls_ssl_ticket_free(&tickets_);
    mbedtls_ctr_drbg_free(&random_);
    mbedtls_entropy_free(&entropy_);
  }
  MbedtlsTickets(const MbedtlsTickets&) = delete;
  MbedtlsTickets& operator=(const MbedtlsTickets&) = delete;

  void seal() {
    std::uint32_t lifetime = 0;
    require(mbedtls_ssl_ticket_write(&tickets_, &session_, ticket_.data(),
                                     ticket_.data() + ticket_.size(), &size_, &lifetime) == 0);
  }
  void open() {
    // It decrypts in place.
    auto ticket = ticket_;
    mbedtls_ssl_session session;
    mbedtls_ssl_session_init(&session);
    require(mbedtls_ssl_ticket_parse(&tickets_, &session, ticket.data(), size_) == 0);
    require(session.master[47] == 7);
    mbedtls_ssl_session_free(&session);
  }
  [[nodiscard]] std::size_t ticket_size() const { return size_; }

 private:
  mbedtls_entropy_context entropy_;
  mbedtls_ctr_drbg_context random_;
  mbedtls_ssl_ticket_context tickets_;
  mbedtls_ssl_session session_;
  std::array<unsigned char, 512> ticket_{};
  std::size_t size_ = 0;
};

}  // namespace

Peer mbedtls_peer() {
  auto tickets = std::make_shared<MbedtlsTickets>();
  constexpr std::size_t overhead = 4 + 12 + 2 + 16;
  return {.who = "mbed TLS 2.28",
          .how = "",
          .state_size = tickets->ticket_size() - overhead,
          .ticket_size = tickets->ticket_size(),
          .seal = [tickets] { tickets->seal(); },
          .open = [tickets] { tickets->open(); }};
}

}  // namespace bench
