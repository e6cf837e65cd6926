// Two connections to a port of this machine with mbedTLS; the second offers the first one's ticket.
//
//   mbedtls_client PORT tls12|dtls12 [bounded]      bounded: asks for short records and short HMACs
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/timing.h>
#include <stdio.h>
#include <string.h>

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context drbg;
static mbedtls_ssl_config config;
static mbedtls_ssl_session latest;
static int dtls, have_session;

static void configure(const char *version, int bounded) {
    static const char *names[] = {"h2", "http/1.1", NULL};
    dtls = strcmp(version, "dtls12") == 0;
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&drbg);
    mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0);
    mbedtls_ssl_session_init(&latest);
    mbedtls_ssl_config_init(&config);
    mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT,
                                dtls ? MBEDTLS_SSL_TRANSPORT_DATAGRAM : MBEDTLS_SSL_TRANSPORT_STREAM,
                                MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &drbg);
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_alpn_protocols(&config, names);
    if (bounded) {
        mbedtls_ssl_conf_max_frag_len(&config, MBEDTLS_SSL_MAX_FRAG_LEN_2048);
        mbedtls_ssl_conf_truncated_hmac(&config, MBEDTLS_SSL_TRUNC_HMAC_ENABLED);
    }
}

static int talk(const char *port) {
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    unsigned char answer[4096];
    mbedtls_timing_delay_context timer;
    mbedtls_net_context net;
    mbedtls_ssl_context ssl;
    mbedtls_net_init(&net);
    mbedtls_ssl_init(&ssl);
    mbedtls_ssl_setup(&ssl, &config);
    mbedtls_ssl_set_hostname(&ssl, "shop.example");
    mbedtls_ssl_set_timer_cb(&ssl, &timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
    mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, mbedtls_net_recv_timeout);
    if (have_session)
        mbedtls_ssl_set_session(&ssl, &latest);
    int done = mbedtls_net_connect(&net, "127.0.0.1", port, dtls ? MBEDTLS_NET_PROTO_UDP : MBEDTLS_NET_PROTO_TCP) == 0
               && mbedtls_ssl_handshake(&ssl) == 0;
    if (done && !dtls) {
        mbedtls_ssl_write(&ssl, (const unsigned char *)request, sizeof request - 1);
        while (mbedtls_ssl_read(&ssl, answer, sizeof answer) > 0) {
        }
    }
    have_session = done && mbedtls_ssl_get_session(&ssl, &latest) == 0;
    printf("%s, %s\n", done ? mbedtls_ssl_get_version(&ssl) : "failed", mbedtls_ssl_get_ciphersuite(&ssl));
    mbedtls_ssl_close_notify(&ssl);
    mbedtls_ssl_free(&ssl);
    mbedtls_net_free(&net);
    return done;
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    configure(argv[2], argc > 3);
    return talk(argv[1]) && talk(argv[1]) ? 0 : 1;
}
