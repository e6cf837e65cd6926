// The small client on GnuTLS. --cipher is a priority string behind NORMAL and TLS 1.2 alone.
#include <gnutls/gnutls.h>

#include <memory>

#include "small_client.hpp"

namespace {

using namespace small_client;

struct Closer {
  void operator()(gnutls_session_t session) const { gnutls_deinit(session); }
};
using Session = std::unique_ptr<gnutls_session_int, Closer>;

struct Freer {
  void operator()(gnutls_certificate_credentials_t credentials) const {
    gnutls_certificate_free_credentials(credentials);
  }
};
using Credentials = std::unique_ptr<gnutls_certificate_credentials_st, Freer>;

// GnuTLS gives its session in a form of its own, in which the ticket lies somewhere.
struct Kept {
  std::string ticket;
  std::string session;
};

std::string last_ticket;

void require(int result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string(what) + ": " + gnutls_strerror(result));
}

// RFC 5077 section 3.3: a lifetime of 4 bytes, a length of 2, and the ticket.
int note_ticket(gnutls_session_t, unsigned, unsigned, unsigned, const gnutls_datum_t* message) {
  constexpr unsigned before = 6;
  if (message->size > before) {
    last_ticket.assign(reinterpret_cast<const char*>(message->data) + before,
                       message->size - before);
  }
  return 0;
}

Kept read_session(const Options& options) {
  std::istringstream file(read_file(options.session_in));
  std::size_t size = 0;
  if (!(file >> size) || file.get() != '\n') throw std::runtime_error("no session there");
  Kept kept{std::string(size, '\0'), {}};
  file.read(kept.ticket.data(), static_cast<std::streamsize>(size));
  std::ostringstream rest;
  rest << file.rdbuf();
  kept.session = rest.str();
  if (options.flip) {
    const auto at = kept.session.find(kept.ticket);
    if (at == std::string::npos || *options.flip >= size) throw std::runtime_error("no such byte");
    kept.session[at + *options.flip] ^= 1;
  }
  return kept;
}

void write_session(const std::string& path, gnutls_session_t session) {
  gnutls_datum_t data{};
  require(gnutls_session_get_data2(session, &data), "no session to keep");
  const std::string_view kept(reinterpret_cast<const char*>(data.data), data.size);
  write_file(path, std::to_string(last_ticket.size()) + '\n' + last_ticket + std::string(kept));
  gnutls_free(data.data);
}

Credentials credentials_for(const Options& options) {
  gnutls_certificate_credentials_t made = nullptr;
  require(gnutls_certificate_allocate_credentials(&made), "credentials");
  Credentials credentials(made);
  if (!options.certificate.empty()) {
    require(gnutls_certificate_set_x509_key_file(made, options.certificate.c_str(),
                                                 options.key.c_str(), GNUTLS_X509_FMT_PEM),
            "the certificate");
  }
  return credentials;
}

std::string priority_of(const Options& options) {
  std::string priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
  if (!options.cipher.empty()) priority += ":" + options.cipher;
  if (options.no_ems) priority += ":%NO_SESSION_HASH";
  if (options.no_etm) priority += ":%NO_ETM";
  return priority;
}

Session session_for(const Options& options, gnutls_certificate_credentials_t credentials) {
  gnutls_session_t made = nullptr;
  require(gnutls_init(&made, GNUTLS_CLIENT), "a session");
  Session session(made);
  require(gnutls_priority_set_direct(made, priority_of(options).c_str(), nullptr), "--cipher");
  require(gnutls_credentials_set(made, GNUTLS_CRD_CERTIFICATE, credentials), "credentials");
  if (!options.server_name.empty()) {
    require(gnutls_server_name_set(made, GNUTLS_NAME_DNS, options.server_name.data(),
                                   options.server_name.size()),
            "--server-name");
  }
  gnutls_handshake_set_hook_function(made, GNUTLS_HANDSHAKE_NEW_SESSION_TICKET, GNUTLS_HOOK_POST,
                                     note_ticket);
  if (!options.session_in.empty()) {
    const Kept kept = read_session(options);
    last_ticket = kept.ticket;
    require(gnutls_session_set_data(made, kept.session.data(), kept.session.size()),
            "--session-in");
  }
  return session;
}

int shake_hands(gnutls_session_t session) {
  int result = GNUTLS_E_AGAIN;
  while (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) {
    result = gnutls_handshake(session);
  }
  return result;
}

Outcome converse(gnutls_session_t session) {
  Outcome outcome;
  const int result = shake_hands(session);
  outcome.completed = result == 0;
  if (result == GNUTLS_E_FATAL_ALERT_RECEIVED) {
    outcome.alert = gnutls_alert_get_name(gnutls_alert_get(session));
  }
  if (!outcome.completed) return outcome;
  outcome.resumed = gnutls_session_is_resumed(session) != 0;
  gnutls_record_send(session, line.data(), line.size());
  outcome.reply = read_line(
      [&](char* room, std::size_t size) { return gnutls_record_recv(session, room, size); });
  return outcome;
}

int run(const Options& options) {
  const Credentials credentials = credentials_for(options);
  const Session session = session_for(options, credentials.get());
  const int fd = connected_socket(options.port);
  gnutls_transport_set_int(session.get(), fd);
  const Outcome outcome = converse(session.get());
  if (outcome.completed) gnutls_bye(session.get(), GNUTLS_SHUT_WR);
  close(fd);
  if (outcome.completed && !options.session_out.empty()) {
    write_session(options.session_out, session.get());
  }
  return report(outcome);
}

}  // namespace

int main(int argc, char** argv) {
  return main_of(argc, argv, run);
}
