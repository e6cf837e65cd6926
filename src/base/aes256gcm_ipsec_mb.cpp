// Intel's libipsec-mb: the fastest there is on x86-64, more so the wider the CPU's vectors are. As
// Debian builds it (SAFE_DATA), it wipes what it leaves in registers and on the stack.
#include <intel-ipsec-mb.h>
#include <sodium.h>

#include "base/aes256gcm.hpp"
#include "base/sodium_bytes.hpp"

namespace stek {
namespace {

static_assert(sizeof(gcm_key_data) <= aes256gcm_state_size);

const gcm_key_data* key_in(ConstAes256GcmState bytes) noexcept {
  return reinterpret_cast<const gcm_key_data*>(bytes.data());
}

// Its functions for this CPU; the jobs that it is made for have no use here. Never freed: keys may
// outlive whatever would free it.
const IMB_MGR* manager() noexcept {
  static const IMB_MGR* const made = [] {
    IMB_MGR* manager = alloc_mb_mgr(0);
    if (manager != nullptr) init_mb_mgr_auto(manager, nullptr);
    return manager;
  }();
  return made;
}

// Without AES instructions it would go by tables, whose time tells of the key.
bool available() noexcept {
  constexpr std::uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
  const IMB_MGR* made = manager();
  return made != nullptr && made->imb_errno == 0 && (made->features & needed) == needed;
}

void expand(Aes256GcmState state, std::span<const std::byte, 32> key) noexcept {
  manager()->gcm256_pre(key.data(), reinterpret_cast<gcm_key_data*>(state.data()));
  sodium_stackzero(deepest_call);
}

void seal(ConstAes256GcmState state, Room out, std::span<std::byte, 16> tag, Bytes plaintext,
          Bytes associated, std::span<const std::byte, 12> nonce) noexcept {
  gcm_context_data context;
  manager()->gcm256_enc(key_in(state), &context, u8(out), u8(plaintext), plaintext.size(),
                        u8(nonce), u8(associated), associated.size(), u8(tag), tag.size());
  sodium_memzero(&context, sizeof context);
}

bool open(ConstAes256GcmState state, Room out, Bytes ciphertext, std::span<const std::byte, 16> tag,
          Bytes associated, std::span<const std::byte, 12> nonce) noexcept {
  gcm_context_data context;
  std::array<std::byte, 16> right;
  manager()->gcm256_dec(key_in(state), &context, u8(out), u8(ciphertext), ciphertext.size(),
                        u8(nonce), u8(associated), associated.size(), u8(right), right.size());
  const bool genuine = crypto_verify_16(u8(right), u8(tag)) == 0;
  // The right tag of a forged ticket would be a forgery.
  sodium_memzero(right.data(), right.size());
  sodium_memzero(&context, sizeof context);
  return genuine;
}

}  // namespace

const Aes256GcmLibrary aes256gcm_ipsec_mb{
    .name = "ipsec-mb", .available = available, .expand = expand, .seal = seal, .open = open};

}  // namespace stek
