// What is derived from keys, for a scan that looks for it in another process.
//
//   needles EXPANDED DOMAIN[,DOMAIN] RING...
//
// Prints each key of the rings once: "key NAME SECONDS", where SECONDS is its end and one lead
// more, until when a ring file may hold it; then a name and hex a line. Of the lanes of aes256gcm,
// the first EXPANDED come expanded too.
#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>

#include <stek/store.hpp>

#include "base/cipher.hpp"
#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "base/memory.hpp"
#include "ticket/derive.hpp"

namespace stek {
namespace {

struct Asked {
  unsigned expanded_lanes;
  std::vector<std::string> domains;
};

void print(const char* name, Bytes bytes) {
  std::printf("%s %s\n", name, to_hex(bytes).c_str());
}

void print_lanes(const ticket::DomainKey& key, unsigned expanded_lanes) {
  for (unsigned lane = 0; lane < 256; ++lane) {
    const auto subkey =
        ticket::subkey(key, ticket::Purpose::aes256gcm, static_cast<std::uint8_t>(lane));
    print("lane", subkey.expose());
    if (lane >= expanded_lanes) continue;
    // In fresh pages, so that what the expansion does not write is zero.
    Granted granted{};
    const auto expanded = make_in_key_pages<Aes256GcmKey>(granted);
    expanded->assign(subkey.expose());
    print("expanded-lane", std::as_bytes(std::span(expanded.get(), 1)));
  }
}

void print_xored(const char* name, Bytes key, std::byte pad) {
  std::vector<std::byte> padded(key.begin(), key.end());
  for (std::byte& b : padded) b ^= pad;
  print(name, padded);
}

void print_mac_key(const ticket::DomainKey& key) {
  const auto subkey = ticket::subkey(key, ticket::Purpose::rfc5077_mac, 0);
  print("mac-subkey", subkey.expose());
  // RFC 2104 section 2: "(K XOR opad" and "(K XOR ipad".
  print_xored("mac-ipad", subkey.expose(), std::byte{0x36});
  print_xored("mac-opad", subkey.expose(), std::byte{0x5c});
  const HmacSha256Key absorbed(subkey.expose());
  const Bytes state = std::as_bytes(std::span(&absorbed, 1));
  print("absorbed-inner", state.first(32));
  print("absorbed-outer", state.subspan(state.size() / 2, 32));
}

void print_derived(const Key& key, const ticket::DomainKey& domain_key, unsigned expanded_lanes) {
  print("K_dom", domain_key.expose());
  switch (key.profile) {
    case Profile::aes256gcm:
      return print_lanes(domain_key, expanded_lanes);
    case Profile::xchacha20poly1305:
      return print("cipher-subkey",
                   ticket::subkey(domain_key, ticket::Purpose::xchacha20poly1305, 0).expose());
    case Profile::rfc5077:
      print("cipher-subkey",
            ticket::subkey(domain_key, ticket::Purpose::rfc5077_cipher, 0).expose());
      return print_mac_key(domain_key);
  }
}

void print_needles(const Key& key, Seconds lead, const Asked& asked) {
  std::printf("key %s %lld\n", to_hex(key.name).c_str(),
              static_cast<long long>((key.expires_at + lead).time_since_epoch().count()));
  print("STEK", key.secret.expose());
  for (const std::string& domain : asked.domains) {
    print_derived(key, ticket::domain_key(key.secret, domain), asked.expanded_lanes);
  }
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

}  // namespace
}  // namespace stek

int main(int argc, char** argv) {
  using namespace stek;
  if (argc < 4 || !cipher_tests().xchacha20_hmac) return 2;
  const Asked asked{.expanded_lanes = static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)),
                    .domains = split(argv[2])};
  std::set<KeyName> printed;
  for (const char* path : std::span(argv + 3, argv + argc)) {
    const auto ring = FileStore(path).read();
    if (!ring) return 1;
    for (const Key& key : ring->keys) {
      if (printed.insert(key.name).second) print_needles(key, ring->schedule.lead, asked);
    }
  }
  return 0;
}
