// The rows of the ticket benchmark, by what they measure. A row's name is who does it and what:
// "stek" and "aes256gcm issue", "libsodium" and "aes256gcm seal".
#pragma once

#include <stek/ring.hpp>

#include "harness.hpp"

namespace bench {

inline constexpr auto profiles = std::to_array(
    {stek::Profile::aes256gcm, stek::Profile::xchacha20poly1305, stek::Profile::rfc5077});
inline constexpr auto state_sizes = std::to_array<std::size_t>({128, 512, 2048, 4096});
inline constexpr auto key_counts = std::to_array<std::size_t>({1, 4, 16, 256, 4096});

/// `size`, or where that is the smallest, what the profile has as its smallest.
std::size_t state_size(stek::Profile profile, std::size_t size) noexcept;

/// "aes256gcm seal".
std::string named(stek::Profile profile, std::string_view what);

Row& add(Rows& rows, std::string_view who, std::string_view what, std::size_t bytes,
         Measure measure);

/// The cipher of a profile on the bytes of one state, key expanded, nothing else: libsodium's, and
/// libipsec-mb's where it is installed.
void add_bare_rows(Rows& rows, stek::Profile profile, std::size_t size);

void add_cold_bare_rows(Rows& rows, stek::Profile profile);

/// issue and resume, the whole path of a session; seal and open, that of opaque bytes; each with
/// nonces as the kernel gives them, and hedged.
void add_path_rows(Rows& rows, stek::Profile profile, std::size_t size);
/// The room `ticket` alone, sealing under each rule of randomness.
void add_nonce_rows(Rows& rows, stek::Profile profile, std::size_t size);
/// One thread, and two at once with the same Ticketer.
void add_thread_rows(Rows& rows, stek::Profile profile);
/// Opening with more and more keys in the ring, all of which open: one of them again and again, and
/// one after the other.
void add_key_rows(Rows& rows);
/// Each kind of ticket that does not open.
void add_refusal_rows(Rows& rows);
/// issue and resume, single calls with the caches full of something else.
void add_cold_rows(Rows& rows, stek::Profile profile);

/// Other libraries, and a session cache.
void add_peer_rows(Rows& rows);

/// What a ticket, issued and resumed, costs beside time.
struct Counts {
  double allocations;
  double system_calls;
};
Counts counts_of(stek::Profile profile, int tickets);

}  // namespace bench
