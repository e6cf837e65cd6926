// A program as it was compiled against an earlier stek.h, whose structs end where the shortest may:
// what later versions added it does not know. It includes no header of stek.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct stek_session {
  size_t size;
  uint16_t version;
  uint16_t cipher_suite;
  uint8_t transport;
  uint8_t extended_master_secret;
  uint8_t encrypt_then_mac;
  uint8_t truncated_hmac;
  uint8_t max_fragment_length;
  uint8_t compression_method;
  uint8_t reserved[6];
  int64_t issued_at;
  int64_t authenticated_at;
  int64_t lifetime;
  uint8_t context[16];
  uint8_t secret[48];
  uint32_t ticket_age_add;
  uint32_t max_early_data_size;
  char server_name[256];
  uint8_t server_name_hash[16];
  uint8_t secret_size;
  uint8_t has_ticket_age_add;
  uint8_t has_max_early_data_size;
  uint8_t has_server_name_hash;
  uint8_t reserved_too[4];
};

struct stek_verdict {
  size_t size;
  int32_t outcome;
  int32_t reason;
  int32_t alert;
  uint16_t cipher_suite;
  uint8_t renew;
  uint8_t reserved;
  uint64_t selected_identity;
};

struct stek_schedule {
  size_t size;
  int64_t lead;
};

typedef struct stek_ticketer stek_ticketer;
typedef struct stek_tickets stek_tickets;
int stek_ticketer_standalone(const struct stek_schedule*, const void*, int64_t, stek_ticketer**,
                             void*);
int stek_ticketer_in(stek_ticketer*, const void*, size_t, const uint8_t*, int64_t, stek_tickets**,
                     void*);
int stek_tickets_issue(const stek_tickets*, const struct stek_session*, int64_t, void*, size_t*,
                       uint32_t*);
int stek_tickets_resume_one(const stek_tickets*, const void*, size_t, const void*, size_t, int,
                            int64_t, struct stek_verdict*, struct stek_session*, void*, size_t*);
void stek_tickets_close(stek_tickets*);
void stek_ticketer_close(stek_ticketer*);

/* Version, random, no session id, one suite, null compression, extended_master_secret. */
static const uint8_t hello[] = {1,   0,   0,    47,   3,   3,   'r', 'r', 'r', 'r', 'r', 'r', 'r',
                                'r', 'r', 'r',  'r',  'r', 'r', 'r', 'r', 'r', 'r', 'r', 'r', 'r',
                                'r', 'r', 'r',  'r',  'r', 'r', 'r', 'r', 'r', 'r', 'r', 'r', 0,
                                0,   2,   0xc0, 0x2f, 1,   0,   0,   4,   0,   23,  0,   0};

#define EXPECT(holds)                                     \
  do {                                                    \
    if (!(holds)) {                                       \
      fprintf(stderr, "line %d: " #holds "\n", __LINE__); \
      return 1;                                           \
    }                                                     \
  } while (0)

int main(void) {
  struct {
    struct stek_session session;
    uint8_t behind[1000];
  } mine;
  struct stek_verdict verdict;
  struct stek_schedule schedule = {sizeof schedule, 600};
  stek_ticketer* ticketer;
  stek_tickets* shop;
  uint8_t ticket[500];
  size_t ticket_size = sizeof ticket;
  size_t i;

  memset(&mine, 0, sizeof mine);
  memset(mine.behind, 0xa5, sizeof mine.behind);
  mine.session.size = sizeof mine.session;
  mine.session.version = 0x0303;
  mine.session.cipher_suite = 0xc02f;
  mine.session.extended_master_secret = 1;
  mine.session.secret_size = 48;
  memset(mine.session.secret, 's', 48);
  verdict.size = sizeof verdict;

  EXPECT(sizeof hello == 4 + 47);
  EXPECT(stek_ticketer_standalone(&schedule, NULL, 0, &ticketer, NULL) == 0);
  EXPECT(stek_ticketer_in(ticketer, "shop", 4, NULL, 0, &shop, NULL) == 0);
  EXPECT(stek_tickets_issue(shop, &mine.session, 0, ticket, &ticket_size, NULL) == 0);
  memset(mine.session.secret, 0, 48);
  EXPECT(stek_tickets_resume_one(shop, ticket, ticket_size, hello, sizeof hello, 0, 0, &verdict,
                                 &mine.session, NULL, NULL) == 0);
  EXPECT(verdict.outcome == 1 && verdict.reason == 0 && verdict.cipher_suite == 0xc02f);
  EXPECT(verdict.size == sizeof verdict && mine.session.size == sizeof mine.session);
  EXPECT(mine.session.secret[0] == 's' && mine.session.secret[47] == 's');
  EXPECT(mine.session.authenticated_at != 0);
  for (i = 0; i < sizeof mine.behind; ++i) EXPECT(mine.behind[i] == 0xa5);
  stek_tickets_close(shop);
  stek_ticketer_close(ticketer);
  return 0;
}
