// What `Tls` is, for `http.cpp`.
#pragma once

#include <optional>

#include <boost/asio/ssl.hpp>

#include "tls.hpp"

namespace stek::daemon {

struct TlsContext {
  boost::asio::ssl::context ssl{boost::asio::ssl::context::tls_server};
};

/// Of the client of a connection, behind its handshake.
std::optional<ClientCertificate> certificate_of(const SSL& connection);

/// Something has come that cannot be read before more has.
bool has_unread(const SSL& connection) noexcept;

}  // namespace stek::daemon
