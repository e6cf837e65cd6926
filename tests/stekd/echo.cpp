// What stekd's transport costs by itself: each body comes back as it is.
//
//   echo SOCKET
#include <csignal>
#include <cstdio>

#include "http.hpp"
#include "socket.hpp"

int main(int argc, char** argv) {
  using namespace stek::daemon;
  if (argc != 2) return 2;
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  const auto socket =
      Socket::listen_at({.path = argv[1], .mode = 0600, .group = {}, .address = {}});
  auto server = Server::start({});
  if (!socket || !server) return 1;
  auto prepared =
      server->prepare({{.name = "echo", .socket = socket->fd()}}, [](const Request& request) {
        return Response{.content_type = "application/octet-stream",
                        .body = Body(request.body.begin(), request.body.end())};
      });
  if (!prepared) return 1;
  server->serve(*std::move(prepared));
  std::puts("ready");
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  return 0;
}
