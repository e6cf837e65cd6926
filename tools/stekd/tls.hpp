// TLS 1.3 of a server that asks each client for a certificate.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include <stek/error.hpp>

namespace stek::daemon {

/// In PEM.
struct TlsFiles {
  std::string certificate;  ///< with its chain
  std::string key;
  std::string client_ca;
};

struct TlsContext;
/// Loaded files.
using Tls = std::shared_ptr<TlsContext>;

/// `Error::malformed`, also for a file that is not there, or `Error::unsuitable` in a stekd without
/// TLS.
std::expected<Tls, Failure> load_tls(const TlsFiles& files);

/// What a client proved to be with its certificate.
struct ClientCertificate {
  std::string common_name;  ///< of its subject; empty when that has none
  std::string fingerprint;  ///< "sha256:" and 64 hex digits, of the certificate
};

}  // namespace stek::daemon
