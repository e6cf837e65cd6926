// Tickets from C: a session leaves with a ticket, comes back, and the keys are rotated.
//
//   cc tickets.c $(pkg-config --cflags --libs stek) && ./a.out
#define _XOPEN_SOURCE 700
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <stek/stek.h>

// Time is an argument, so that hours pass here in no time. A server has STEK_NOW in its place.
static int64_t now;

static void complain(const char* what, enum stek_error error, const struct stek_failure* why) {
  fprintf(stderr, "%s: %s\n", what, stek_error_text(error));
  if (why != NULL) fprintf(stderr, "%s\n%s\n", why->message, why->hint);
  exit(1);
}

static void make_ring(const char* ring) {
  struct stek_failure why = STEK_FAILURE_INIT;
  enum stek_error error = stek_ring_create(ring, NULL, now, &why);
  if (error != STEK_OK) complain("ring", error, &why);
}

// One domain, and no configurations to tell apart.
static stek_tickets* open_shop(const char* ring, stek_ticketer** ticketer) {
  struct stek_failure why = STEK_FAILURE_INIT;
  stek_tickets* shop = NULL;
  enum stek_error error = stek_ticketer_open(ring, NULL, now, ticketer, &why);
  if (error == STEK_OK) error = stek_ticketer_in(*ticketer, "shop", 4, NULL, now, &shop, &why);
  if (error != STEK_OK) complain("ticketer", error, &why);
  return shop;
}

static void rotate(const char* ring, stek_ticketer* ticketer) {
  struct stek_failure why = STEK_FAILURE_INIT;
  enum stek_error error = stek_ring_promote(ring, now, &why);
  if (error == STEK_OK) error = stek_ticketer_refresh(ticketer, now, &why);
  if (error != STEK_OK) complain("rotation", error, &why);
}

struct ticket {
  uint8_t bytes[STEK_MAX_TICKET];
  size_t size;
};

static void issue(const stek_tickets* shop, const struct stek_session* session,
                  struct ticket* ticket) {
  uint32_t lifetime;
  ticket->size = sizeof ticket->bytes;
  enum stek_error error =
      stek_tickets_issue(shop, session, now, ticket->bytes, &ticket->size, &lifetime);
  if (error != STEK_OK) complain("issue", error, NULL);
  printf("issued    %zu bytes under key %02x%02x%02x%02x, for %u s\n", ticket->size,
         ticket->bytes[0], ticket->bytes[1], ticket->bytes[2], ticket->bytes[3],
         (unsigned)lifetime);
}

static size_t put16(uint8_t* at, size_t n) {
  at[0] = (uint8_t)(n >> 8);
  at[1] = (uint8_t)n;
  return 2;
}

// What a client would send: one suite, extended_master_secret (23) and session_ticket (35).
static size_t hello_with(const struct ticket* ticket, uint8_t* hello) {
  size_t n = 4;
  n += put16(hello + n, 0x0303);
  memset(hello + n, 'r', 32);
  n += 32;
  hello[n++] = 0;
  n += put16(hello + n, 2);
  n += put16(hello + n, 0xc02f);
  hello[n++] = 1;
  hello[n++] = 0;
  n += put16(hello + n, 4 + 4 + ticket->size);
  n += put16(hello + n, 23);
  n += put16(hello + n, 0);
  n += put16(hello + n, 35);
  n += put16(hello + n, ticket->size);
  memcpy(hello + n, ticket->bytes, ticket->size);
  n += ticket->size;
  hello[0] = 1;
  hello[1] = 0;
  put16(hello + 2, n - 4);
  return n;
}

// True when a fresh ticket is due.
static int resume(const stek_tickets* shop, const struct ticket* ticket,
                  struct stek_session* session) {
  static uint8_t hello[STEK_MAX_TICKET + 100];
  struct stek_verdict verdict = STEK_VERDICT_INIT;
  enum stek_error error = stek_tickets_resume(shop, hello, hello_with(ticket, hello), 0, now,
                                              &verdict, session, NULL, NULL);
  if (error != STEK_OK) complain("resume", error, NULL);
  printf("verdict   %s: %s%s\n", stek_outcome_name(verdict.outcome),
         stek_reason_text(verdict.reason), verdict.renew ? "; renew it" : "");
  return verdict.renew;
}

static void tell_the_story(const char* ring) {
  stek_ticketer* ticketer;
  stek_tickets* shop = open_shop(ring, &ticketer);
  struct stek_session session = STEK_SESSION_INIT;
  struct ticket ticket;

  // What the TLS library knows after a full handshake.
  session.version = 0x0303;       // TLS 1.2
  session.cipher_suite = 0xc02f;  // TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
  session.extended_master_secret = 1;
  session.secret_size = 48;
  memset(session.secret, 's', session.secret_size);

  issue(shop, &session, &ticket);
  resume(shop, &ticket, &session);

  now += 3600;
  rotate(ring, ticketer);
  if (resume(shop, &ticket, &session)) issue(shop, &session, &ticket);
  resume(shop, &ticket, &session);

  ticket.bytes[ticket.size / 2] ^= 1;
  resume(shop, &ticket, &session);

  stek_session_wipe(&session);
  stek_tickets_close(shop);
  stek_ticketer_close(ticketer);
}

static void clean_up(const char* folder, const char* ring) {
  char lock[64];
  snprintf(lock, sizeof lock, "%s.lock", ring);
  remove(ring);
  remove(lock);
  rmdir(folder);
}

int main(void) {
  char folder[] = "/tmp/stek-XXXXXX";
  char ring[sizeof folder + sizeof "/ring.json"];
  if (mkdtemp(folder) == NULL) return 1;
  snprintf(ring, sizeof ring, "%s/ring.json", folder);
  now = (int64_t)time(NULL);
  printf("stek      %s, ring %s\n", stek_version(), ring);
  make_ring(ring);
  tell_the_story(ring);
  clean_up(folder, ring);
  return 0;
}
