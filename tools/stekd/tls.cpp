#include "tls.hpp"

#ifdef STEKD_TLS
#include <array>

#include "base/encoding.hpp"
#include "tls_context.hpp"

namespace stek::daemon {

namespace asio = boost::asio;

std::expected<Tls, Failure> load_tls(const TlsFiles& files) {
  auto tls = std::make_shared<TlsContext>();
  asio::ssl::context& context = tls->ssl;
  SSL_CTX* native = context.native_handle();
  // Clients keep their connections. Tickets of its own would be one more secret, and what came in
  // is one.
  SSL_CTX_set_options(native, SSL_OP_CLEANSE_PLAINTEXT);
  SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
  SSL_CTX_set_num_tickets(native, 0);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  boost::system::error_code error;
  const auto failed = [&](const std::string& file) {
    return std::unexpected(Failure{.error = Error::malformed,
                                   .message = file + ": " + error.message(),
                                   .hint = "certificate, key and client_ca are files in PEM"});
  };
  context.use_certificate_chain_file(files.certificate, error);
  if (error) return failed(files.certificate);
  context.use_private_key_file(files.key, asio::ssl::context::pem, error);
  if (error) return failed(files.key);
  context.load_verify_file(files.client_ca, error);
  if (error) return failed(files.client_ca);
  context.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert, error);
  if (error) return failed(files.client_ca);
  SSL_CTX_set_client_CA_list(native, SSL_load_client_CA_file(files.client_ca.c_str()));
  return tls;
}

namespace {

std::string common_name_of(const X509& certificate) {
  std::array<char, 256> text{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(&certificate), NID_commonName,
                                             text.data(), static_cast<int>(text.size()));
  const std::string_view name(text.data(), static_cast<std::size_t>(std::max(size, 0)));
  // A zero inside would make one name look like another, and so would a cut.
  const bool whole = name.size() < text.size() - 1 && name.find('\0') == std::string_view::npos;
  return whole ? std::string(name) : std::string();
}

std::string fingerprint_of(const X509& certificate) {
  std::array<unsigned char, 32> digest{};
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), nullptr) != 1) return {};
  return "sha256:" + to_hex(std::as_bytes(std::span(digest)));
}

}  // namespace

bool has_unread(const SSL& connection) noexcept {
  return SSL_has_pending(&connection) == 1 || BIO_pending(SSL_get_rbio(&connection)) > 0;
}

std::optional<ClientCertificate> certificate_of(const SSL& connection) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      SSL_get1_peer_certificate(&connection), X509_free);
  if (certificate == nullptr) return std::nullopt;
  return ClientCertificate{.common_name = common_name_of(*certificate),
                           .fingerprint = fingerprint_of(*certificate)};
}

}  // namespace stek::daemon
#else
namespace stek::daemon {

std::expected<Tls, Failure> load_tls(const TlsFiles& /*files*/) {
  return std::unexpected(Failure{.error = Error::unsuitable,
                                 .message = "this stekd was built without TLS",
                                 .hint = "build it where OpenSSL 3 is found"});
}

}  // namespace stek::daemon
#endif
