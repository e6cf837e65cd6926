// A TLS 1.2 client on GnuTLS with the options of tools/demo/client.cpp: it keeps its session in a
// file, offers it again, and can alter the ticket in it.
//
//   gnutls_client --port P [--server-name NAME] [--session-in FILE] [--session-out FILE]
//                 [--flip N] [--priority STRING] [--cert FILE --key FILE]
//
// It verifies no certificate. Says one line: `handshake=full|resumed|failed alert=NAME ticket=HEX
// reply="LINE"`. Exit codes: 0 the handshake completed, 1 it did not, 2 usage.
#include <gnutls/gnutls.h>

#include <arpa/inet.h>
#include <getopt.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

namespace {

constexpr std::string_view tls12 = "NORMAL:-VERS-ALL:+VERS-TLS1.2";

struct Options {
  int port = 0;
  std::string server_name = "localhost";
  std::string session_in;
  std::string session_out;
  std::optional<std::size_t> flip;
  std::string priority{tls12};
  std::string certificate;
  std::string key;
};

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

// What the client keeps: GnuTLS's own form of the session, and the ticket that lies in it.
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
  std::ifstream file(options.session_in, std::ios::binary);
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

// A session holds a master secret.
void write_session(const std::string& path, gnutls_session_t session) {
  gnutls_datum_t data{};
  require(gnutls_session_get_data2(session, &data), "no session to keep");
  umask(S_IRWXG | S_IRWXO);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << last_ticket.size() << '\n' << last_ticket;
  file.write(reinterpret_cast<const char*>(data.data), data.size);
  gnutls_free(data.data);
  if (!file) throw std::runtime_error("cannot write " + path);
}

int connected_socket(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{10, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect");
  }
  return fd;
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

Session session_for(const Options& options, gnutls_certificate_credentials_t credentials) {
  gnutls_session_t made = nullptr;
  require(gnutls_init(&made, GNUTLS_CLIENT), "a session");
  Session session(made);
  require(gnutls_priority_set_direct(made, options.priority.c_str(), nullptr), "--priority");
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

// "Handshake failed" and so on, as GnuTLS has it.
std::string alert_of(gnutls_session_t session, int result) {
  if (result != GNUTLS_E_FATAL_ALERT_RECEIVED) return "none";
  return gnutls_alert_get_name(gnutls_alert_get(session));
}

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    text += digits[static_cast<unsigned char>(byte) >> 4U];
    text += digits[static_cast<unsigned char>(byte) & 15U];
  }
  return text;
}

bool shake_hands(gnutls_session_t session) {
  std::string reply;
  int result = GNUTLS_E_AGAIN;
  while (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) {
    result = gnutls_handshake(session);
  }
  if (result == 0) {
    constexpr std::string_view line = "hello\n";
    reply.resize(1024);
    gnutls_record_send(session, line.data(), line.size());
    const ssize_t n = gnutls_record_recv(session, reply.data(), reply.size());
    reply.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    result = static_cast<int>(std::min<ssize_t>(n, 0));
  }
  const bool resumed = result == 0 && gnutls_session_is_resumed(session) != 0;
  std::printf("handshake=%s alert=%s ticket=%s reply=\"%s\"\n",
              result != 0 ? "failed" : (resumed ? "resumed" : "full"),
              alert_of(session, result).c_str(), hex(last_ticket).c_str(),
              reply.substr(0, reply.find('\n')).c_str());
  return result == 0;
}

int run(const Options& options) {
  const Credentials credentials = credentials_for(options);
  const Session session = session_for(options, credentials.get());
  const int fd = connected_socket(options.port);
  gnutls_transport_set_int(session.get(), fd);
  const bool completed = shake_hands(session.get());
  if (completed) gnutls_bye(session.get(), GNUTLS_SHUT_WR);
  close(fd);
  if (!completed) return 1;
  if (!options.session_out.empty()) write_session(options.session_out, session.get());
  return 0;
}

std::optional<Options> options_from(int argc, char** argv) {
  const option known[] = {{"port", 1, nullptr, 'p'},       {"server-name", 1, nullptr, 'n'},
                          {"session-in", 1, nullptr, 'i'}, {"session-out", 1, nullptr, 'o'},
                          {"flip", 1, nullptr, 'f'},       {"priority", 1, nullptr, 'r'},
                          {"cert", 1, nullptr, 'c'},       {"key", 1, nullptr, 'k'},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  for (int name; (name = getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    switch (name) {
      case 'p':
        options.port = std::stoi(optarg);
        break;
      case 'n':
        options.server_name = optarg;
        break;
      case 'i':
        options.session_in = optarg;
        break;
      case 'o':
        options.session_out = optarg;
        break;
      case 'f':
        options.flip = std::stoul(optarg);
        break;
      case 'r':
        options.priority = std::string(tls12) + ":" + optarg;
        break;
      case 'c':
        options.certificate = optarg;
        break;
      case 'k':
        options.key = optarg;
        break;
      default:
        return std::nullopt;
    }
  }
  if (options.port == 0) return std::nullopt;
  return options;
}

}  // namespace

int main(int argc, char** argv) try {
  const auto options = options_from(argc, argv);
  return options ? run(*options) : 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "gnutls_client: %s\n", error.what());
  return 1;
}
