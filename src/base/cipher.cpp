#include "base/cipher.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>

#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "base/sodium_bytes.hpp"

namespace stek {

constinit const Aes256GcmLibrary* aes256gcm_in_use = nullptr;

void Aes256GcmKey::assign(std::span<const std::byte, 32> key) noexcept {
  if (cipher_tests().aes256gcm) aes256gcm_in_use->expand(state_.data(), key.data());
}

void xchacha20poly1305::seal(Room out, std::span<std::byte, tag_size> tag, Bytes plaintext,
                             Bytes associated, std::span<const std::byte, nonce_size> nonce,
                             std::span<const std::byte, 32> key) noexcept {
  crypto_aead_xchacha20poly1305_ietf_encrypt_detached(
      u8(out), u8(tag), nullptr, u8(plaintext), plaintext.size(), u8(associated), associated.size(),
      nullptr, u8(nonce), u8(key));
  sodium_stackzero(deepest_stream);
}

bool xchacha20poly1305::open(Room out, Bytes ciphertext, std::span<const std::byte, tag_size> tag,
                             Bytes associated, std::span<const std::byte, nonce_size> nonce,
                             std::span<const std::byte, 32> key) noexcept {
  const bool opened = crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
                          u8(out), nullptr, u8(ciphertext), ciphertext.size(), u8(tag),
                          u8(associated), associated.size(), u8(nonce), u8(key)) == 0;
  sodium_stackzero(deepest_stream);
  if (!opened) wipe(out);
  return opened;
}

void xchacha20(Room out, Bytes in, std::span<const std::byte, 24> nonce,
               std::span<const std::byte, 32> key) noexcept {
  crypto_stream_xchacha20_xor_ic(u8(out), u8(in), in.size(), u8(nonce), 0, u8(key));
  sodium_stackzero(deepest_stream);
}

namespace {

template <std::size_t N>
std::array<std::byte, N> bytes_of(std::string_view hex) noexcept {
  std::array<std::byte, N> bytes{};
  from_hex(bytes, hex);
  return bytes;
}

// "The GCM mode of operation", McGrew and Viega, test case 16.
bool answers(const Aes256GcmLibrary& library) noexcept {
  const auto key = bytes_of<32>("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const auto nonce = bytes_of<12>("cafebabefacedbaddecaf888");
  const auto associated = bytes_of<20>("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const auto plaintext = bytes_of<60>(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
  const auto ciphertext = bytes_of<60>(
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662");
  auto tag = bytes_of<16>("76fc6ece0f4e1768cddf8853bb2d551b");

  alignas(64) std::array<std::byte, aes256gcm_state_size> expanded{};
  library.expand(expanded.data(), key.data());
  std::array<std::byte, 60> out{};
  std::array<std::byte, 16> sealed_tag{};
  library.seal(expanded.data(), out.data(), sealed_tag.data(), plaintext, associated, nonce.data());
  if (out != ciphertext || sealed_tag != tag) return false;
  if (!library.open(expanded.data(), out.data(), ciphertext, tag.data(), associated,
                    nonce.data()) ||
      out != plaintext) {
    return false;
  }
  tag[0] ^= std::byte{1};
  return !library.open(expanded.data(), out.data(), ciphertext, tag.data(), associated,
                       nonce.data());
}

/// libsodium's bytes, for lengths that a vectorised implementation goes about in other ways.
bool agrees_with_sodium(const Aes256GcmLibrary& library) noexcept {
  const auto key = bytes_of<32>("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const auto nonce = bytes_of<12>("cafebabefacedbaddecaf888");
  alignas(64) std::array<std::byte, aes256gcm_state_size> ours{};
  alignas(64) std::array<std::byte, aes256gcm_state_size> theirs{};
  library.expand(ours.data(), key.data());
  aes256gcm_sodium.expand(theirs.data(), key.data());
  std::array<std::byte, 4099> plain{};
  for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<std::byte>(i * 7);
  return std::ranges::all_of(std::array<std::size_t, 5>{1, 112, 128, 1024, 4099}, [&](auto size) {
    const Bytes in = Bytes(plain).first(size);
    const Bytes associated = Bytes(plain).last(29);
    std::array<std::byte, 4099> a{};
    std::array<std::byte, 4099> b{};
    std::array<std::byte, 16> tag_a{};
    std::array<std::byte, 16> tag_b{};
    library.seal(ours.data(), a.data(), tag_a.data(), in, associated, nonce.data());
    aes256gcm_sodium.seal(theirs.data(), b.data(), tag_b.data(), in, associated, nonce.data());
    return a == b && tag_a == tag_b &&
           library.open(ours.data(), b.data(), Bytes(a).first(size), tag_a.data(), associated,
                        nonce.data()) &&
           std::ranges::equal(Bytes(b).first(size), in);
  });
}

// Best first.
constexpr std::array aes256gcm_libraries{
#ifdef STEK_IPSEC_MB
    &aes256gcm_ipsec_mb,
#endif
    &aes256gcm_sodium,
};

/// STEK_AES256GCM in the environment names the only one to be tried: for tests and comparisons.
bool is_ruled_out(const Aes256GcmLibrary& library) noexcept {
  const char* only = secure_getenv("STEK_AES256GCM");
  return only != nullptr && library.name != only;
}

const Aes256GcmLibrary* chosen_aes256gcm() noexcept {
  for (const Aes256GcmLibrary* library : aes256gcm_libraries) {
    if (is_ruled_out(*library) || !library->available() || !answers(*library)) continue;
    if (library == &aes256gcm_sodium || agrees_with_sodium(*library)) return library;
  }
  return nullptr;
}

// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
bool xchacha20poly1305_answers() noexcept {
  constexpr std::string_view sunscreen =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.";
  std::array<std::byte, sunscreen.size()> plaintext;
  std::memcpy(plaintext.data(), sunscreen.data(), sunscreen.size());
  const auto key = bytes_of<32>("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const auto nonce = bytes_of<24>("404142434445464748494a4b4c4d4e4f5051525354555657");
  const auto associated = bytes_of<12>("50515253c0c1c2c3c4c5c6c7");
  const auto start = bytes_of<16>("bd6d179d3e83d43b9576579493c0e939");
  auto tag = bytes_of<16>("c0875924c1c7987947deafd8780acf49");

  std::array<std::byte, plaintext.size()> sealed{};
  std::array<std::byte, 16> sealed_tag{};
  xchacha20poly1305::seal(sealed, sealed_tag, plaintext, associated, nonce, key);
  if (!std::equal(start.begin(), start.end(), sealed.begin()) || sealed_tag != tag) return false;
  std::array<std::byte, plaintext.size()> out{};
  if (!xchacha20poly1305::open(out, sealed, tag, associated, nonce, key) || out != plaintext) {
    return false;
  }
  tag[0] ^= std::byte{1};
  return !xchacha20poly1305::open(out, sealed, tag, associated, nonce, key) &&
         out == std::array<std::byte, plaintext.size()>{};
}

// draft-irtf-cfrg-xchacha-03, appendix A.3.2 gives the stream from counter 0; RFC 4231 case 2 in a
// key of 32 bytes: HMAC pads "Jefe" with zeros, so the padded key is the same key.
bool xchacha20_hmac_answers() noexcept {
  const auto key = bytes_of<32>("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const auto nonce = bytes_of<24>("404142434445464748494a4b4c4d4e4f5051525354555658");
  std::array<std::byte, 16> stream;
  std::memcpy(stream.data(), "The dhole (prono", stream.size());
  xchacha20(stream, stream, nonce, key);
  if (stream != bytes_of<16>("4559abba4e48c16102e8bb2c05e6947f")) return false;

  const auto jefe = bytes_of<32>(
      "4a656665"
      "00000000000000000000000000000000000000000000000000000000");
  constexpr std::string_view message = "what do ya want for nothing?";
  std::array<std::byte, 32> mac{};
  HmacSha256Key(jefe).mac(mac, std::as_bytes(std::span(message)));
  return mac == bytes_of<32>("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace

const CipherTests& cipher_tests() noexcept {
  static const CipherTests tests = [] {
    if (sodium_init() < 0) return CipherTests{};
    aes256gcm_in_use = chosen_aes256gcm();
    return CipherTests{
        .aes256gcm = aes256gcm_in_use != nullptr,
        .xchacha20poly1305 = xchacha20poly1305_answers(),
        .xchacha20_hmac = xchacha20_hmac_answers(),
    };
  }();
  return tests;
}

std::string_view aes256gcm_library() noexcept {
  return cipher_tests().aes256gcm ? aes256gcm_in_use->name : "none";
}

}  // namespace stek
