// A TLS 1.2 client that keeps its session in a file, and can do to it what openssl s_client cannot:
// write a renewed ticket, alter a ticket, leave out an extension.
//
// It verifies no certificate: it is for looking at tickets. Says one line on stdout: what the
// handshake was, and the key names of the tickets that went each way. Exit codes: 0 the handshake
// completed, 1 it did not, 2 usage.

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <CLI/CLI.hpp>

#include "deleter.hpp"

namespace {

using demo::Deleter;

struct Options {
  std::string host = "127.0.0.1";
  std::string port;
  std::string server_name = "localhost";
  std::string session_in;
  std::string session_out;
  std::optional<std::size_t> flip;
  std::string cipher;
  std::string certificate;
  std::string key;
  bool no_ems = false;
  bool no_etm = false;
  std::string line = "hello";
};

using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Deleter<SSL_free>>;
using Session = std::unique_ptr<SSL_SESSION, Deleter<SSL_SESSION_free>>;
using File = std::unique_ptr<FILE, Deleter<fclose>>;
using Ticket = std::vector<unsigned char>;

int alert_received = 0;

int run(const Options& options);
Session read_session(const std::string& path);
bool write_session(const std::string& path, SSL_SESSION& session);
Session altered(const SSL_SESSION& session, std::size_t byte);
Ticket ticket_of(const SSL_SESSION* session);
std::string key_name_of(const Ticket& ticket);
Context make_context(const Options& options);
int connected_socket(const Options& options);
std::string converse(SSL& connection, const std::string& line);
int complain(const std::string& what);

}  // namespace

int main(int argc, char** argv) try {
  (void)std::signal(SIGPIPE, SIG_IGN);
  Options options;
  CLI::App app{"a TLS 1.2 client that keeps, resumes and alters sessions"};
  app.add_option("--host", options.host, "server address")->capture_default_str();
  app.add_option("--port", options.port, "server port")->required();
  app.add_option("--server-name", options.server_name, "server name to send; empty for none")
      ->capture_default_str();
  app.add_option("--session-in", options.session_in, "session to offer (PEM or DER)");
  app.add_option("--session-out", options.session_out,
                 "where to write the session afterwards, as PEM, mode 0600");
  app.add_option("--flip", options.flip, "alter byte N of the ticket before offering it")
      ->type_name("N");
  app.add_option("--cipher", options.cipher, "suites to offer, in OpenSSL's notation");
  app.add_flag("--no-ems", options.no_ems, "offer no extended master secret");
  app.add_flag("--no-etm", options.no_etm, "offer no encrypt-then-MAC");
  auto* certificate =
      app.add_option("--cert", options.certificate, "client certificate, when asked for one (PEM)");
  auto* key = app.add_option("--key", options.key, "its private key (PEM)");
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--line", options.line, "line to send")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return run(options);
} catch (const std::exception& error) {
  return complain(error.what());
}

namespace {

int run(const Options& options) {
  const Context context = make_context(options);
  if (!context) return complain("no such suite, or no such certificate");
  Session offered;
  if (!options.session_in.empty()) {
    offered = read_session(options.session_in);
    if (!offered) return complain("no session in " + options.session_in);
    if (options.flip) offered = altered(*offered, *options.flip);
    if (!offered) return complain("the ticket has no such byte");
  }
  const int socket = connected_socket(options);
  if (socket < 0) return complain("cannot connect to " + options.host + " port " + options.port);

  const Connection connection(SSL_new(context.get()));
  SSL_set_fd(connection.get(), socket);
  if (!options.server_name.empty()) {
    auto name = options.server_name;
    SSL_ctrl(connection.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             name.data());
  }
  const Ticket old_ticket = ticket_of(offered.get());
  if (offered) SSL_set_session(connection.get(), offered.get());

  if (SSL_connect(connection.get()) != 1) {
    fmt::print("handshake=failed alert=\"{}\" offered={}\n",
               alert_received != 0 ? SSL_alert_desc_string_long(alert_received) : "none",
               key_name_of(old_ticket));
    close(socket);
    return 1;
  }
  const std::string reply = converse(*connection, options.line);
  const Session session(SSL_get1_session(connection.get()));
  const bool resumed = SSL_session_reused(connection.get()) == 1;
  const Ticket ticket = ticket_of(session.get());
  const bool fresh = !ticket.empty() && ticket != old_ticket;
  fmt::print("handshake={} alert={} offered={} received={} suite={} ems={} reply=\"{}\"\n",
             resumed ? "resumed" : "full",
             alert_received != 0 ? SSL_alert_desc_string_long(alert_received) : "none",
             key_name_of(old_ticket), fresh ? key_name_of(ticket) : "none",
             SSL_get_cipher_name(connection.get()),
             SSL_get_extms_support(connection.get()) == 1 ? "yes" : "no", reply);
  close(socket);
  if (options.session_out.empty()) return 0;
  return write_session(options.session_out, *session)
             ? 0
             : complain("cannot write " + options.session_out);
}

Session read_session(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) return nullptr;
  Session session(PEM_read_SSL_SESSION(file.get(), nullptr, nullptr, nullptr));
  if (session) return session;
  ERR_clear_error();
  if (std::fseek(file.get(), 0, SEEK_SET) != 0) return nullptr;
  std::array<unsigned char, 65536> der;
  const std::size_t size = std::fread(der.data(), 1, der.size(), file.get());
  const unsigned char* at = der.data();
  return Session(d2i_SSL_SESSION(nullptr, &at, static_cast<long>(size)));
}

// A session holds a master secret.
bool write_session(const std::string& path, SSL_SESSION& session) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0 || fchmod(fd, S_IRUSR | S_IWUSR) != 0) return false;
  File file(fdopen(fd, "wb"));
  const bool written = PEM_write_SSL_SESSION(file.get(), &session) == 1;
  return fclose(file.release()) == 0 && written;
}

// OpenSSL has no call to set a session's ticket, but writes the session as DER.
Session altered(const SSL_SESSION& session, std::size_t byte) {
  const Ticket ticket = ticket_of(&session);
  unsigned char* written = nullptr;
  const int size = i2d_SSL_SESSION(&session, &written);
  if (size <= 0 || byte >= ticket.size()) return nullptr;
  const std::unique_ptr<unsigned char, Deleter<[](unsigned char* p) { OPENSSL_free(p); }>> der(
      written);
  const std::span all(written, static_cast<std::size_t>(size));
  const auto at = std::ranges::search(all, ticket);
  if (at.empty()) return nullptr;
  at.data()[byte] ^= 1;
  const unsigned char* read = written;
  return Session(d2i_SSL_SESSION(nullptr, &read, size));
}

Ticket ticket_of(const SSL_SESSION* session) {
  const unsigned char* ticket = nullptr;
  std::size_t size = 0;
  if (session != nullptr) SSL_SESSION_get0_ticket(session, &ticket, &size);
  return {ticket, ticket + size};
}

std::string key_name_of(const Ticket& ticket) {
  constexpr std::size_t name_size = 16;
  if (ticket.size() < name_size) return "none";
  return fmt::format("{:02x}", fmt::join(std::span(ticket).first<name_size>(), ""));
}

void note_alert(const SSL*, int where, int alert) {
  if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT) alert_received = alert;
}

bool use_certificate(SSL_CTX& context, const Options& options) {
  return SSL_CTX_use_certificate_chain_file(&context, options.certificate.c_str()) == 1 &&
         SSL_CTX_use_PrivateKey_file(&context, options.key.c_str(), SSL_FILETYPE_PEM) == 1;
}

Context make_context(const Options& options) {
  Context context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_info_callback(context.get(), note_alert);
  if (options.no_ems) SSL_CTX_set_options(context.get(), SSL_OP_NO_EXTENDED_MASTER_SECRET);
  if (options.no_etm) SSL_CTX_set_options(context.get(), SSL_OP_NO_ENCRYPT_THEN_MAC);
  if (!options.cipher.empty() &&
      SSL_CTX_set_cipher_list(context.get(), options.cipher.c_str()) != 1) {
    return nullptr;
  }
  if (!options.certificate.empty() && !use_certificate(*context, options)) return nullptr;
  return context;
}

int connected_socket(const Options& options) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(options.host.c_str(), options.port.c_str(), &hints, &found) != 0) return -1;
  const std::unique_ptr<addrinfo, Deleter<freeaddrinfo>> addresses(found);
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
    if (fd < 0) continue;
    const timeval patience{10, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, at->ai_addr, at->ai_addrlen) == 0) return fd;
    close(fd);
  }
  return -1;
}

std::string converse(SSL& connection, const std::string& line) {
  const std::string sent = line + "\n";
  SSL_write(&connection, sent.data(), static_cast<int>(sent.size()));
  std::array<char, 1024> bytes;
  std::string reply;
  while (reply.find('\n') == std::string::npos && reply.size() < bytes.size()) {
    const int n = SSL_read(&connection, bytes.data(), static_cast<int>(bytes.size()));
    if (n <= 0) break;
    reply.append(bytes.data(), static_cast<std::size_t>(n));
  }
  SSL_shutdown(&connection);
  return reply.substr(0, reply.find('\n'));
}

int complain(const std::string& what) {
  fmt::print(stderr, "demo-client: {}\n", what);
  return 1;
}

}  // namespace
