// Two connections to a port of this machine with BoringSSL and GREASE; the second offers the first one's ticket.
//
//   boringssl_client PORT tls12|tls13 [permuted]
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static SSL_SESSION *latest;

static int keep(SSL *ssl, SSL_SESSION *session) {
    (void)ssl;
    SSL_SESSION_free(latest);
    latest = session;
    return 1;
}

static int connected(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

static SSL_CTX *context(const char *version, int permuted) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, strcmp(version, "tls12") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_grease_enabled(ctx, 1);
    SSL_CTX_set_permute_extensions(ctx, permuted);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(ctx, keep);
    // The library leaves GREASE among the protocol names to its user.
    static const char names[] = "\x02\x0a\x0a\x02h2\x08http/1.1";
    SSL_CTX_set_alpn_protos(ctx, (const uint8_t *)names, sizeof names - 1);
    return ctx;
}

static int talk(SSL_CTX *ctx, int port) {
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    char answer[4096];
    SSL *ssl = SSL_new(ctx);
    int fd = connected(port);
    SSL_set_fd(ssl, fd);
    SSL_set_tlsext_host_name(ssl, "shop.example");
    if (latest != NULL)
        SSL_set_session(ssl, latest);
    int done = SSL_connect(ssl) == 1 && SSL_write(ssl, request, sizeof request - 1) > 0;
    while (done && SSL_read(ssl, answer, sizeof answer) > 0) {
    }
    printf("%s, resumed: %d\n", SSL_get_version(ssl), SSL_session_reused(ssl));
    SSL_free(ssl);
    close(fd);
    return done;
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    SSL_CTX *ctx = context(argv[2], argc > 3);
    return talk(ctx, atoi(argv[1])) && talk(ctx, atoi(argv[1])) ? 0 : 1;
}
