// Two connections to a port of this machine with wolfSSL; the second offers the first one's ticket.
//
//   wolfssl_client PORT tls12|tls13|dtls12
#include <wolfssl/options.h>
// Before what needs it.
#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int dtls;
static WOLFSSL_SESSION *latest;

static int connected(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, dtls ? SOCK_DGRAM : SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

static WOLFSSL_CTX *context(const char *version) {
    dtls = strcmp(version, "dtls12") == 0;
    WOLFSSL_METHOD *method = dtls                              ? wolfDTLSv1_2_client_method()
                             : strcmp(version, "tls12") == 0 ? wolfTLSv1_2_client_method()
                                                             : wolfTLSv1_3_client_method();
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(method);
    wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL);
    wolfSSL_CTX_UseSessionTicket(ctx);
    wolfSSL_CTX_UseSNI(ctx, WOLFSSL_SNI_HOST_NAME, "shop.example", strlen("shop.example"));
    return ctx;
}

static int talk(WOLFSSL_CTX *ctx, int port) {
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    char names[] = "h2,http/1.1", answer[4096];
    WOLFSSL *ssl = wolfSSL_new(ctx);
    int fd = connected(port);
    wolfSSL_set_fd(ssl, fd);
    wolfSSL_UseALPN(ssl, names, strlen(names), WOLFSSL_ALPN_CONTINUE_ON_MISMATCH);
    if (latest != NULL)
        wolfSSL_set_session(ssl, latest);
    int done = wolfSSL_connect(ssl) == WOLFSSL_SUCCESS;
    if (done && !dtls) {
        wolfSSL_write(ssl, request, sizeof request - 1);
        while (wolfSSL_read(ssl, answer, sizeof answer) > 0) {
        }
    }
    latest = wolfSSL_get1_session(ssl);
    printf("%s, resumed: %d\n", wolfSSL_get_version(ssl), wolfSSL_session_reused(ssl));
    wolfSSL_shutdown(ssl);
    wolfSSL_free(ssl);
    close(fd);
    return done;
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    wolfSSL_Init();
    WOLFSSL_CTX *ctx = context(argv[2]);
    return talk(ctx, atoi(argv[1])) && talk(ctx, atoi(argv[1])) ? 0 : 1;
}
