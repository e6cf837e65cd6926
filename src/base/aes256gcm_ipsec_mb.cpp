// Intel's libipsec-mb: the fastest there is on x86-64, more so the wider the CPU's vectors are. As
// Debian builds it (SAFE_DATA), it wipes what it leaves in registers and on the stack.
#include <intel-ipsec-mb.h>
#include <sodium.h>

#include "base/aes256gcm.hpp"
#include "base/sodium_bytes.hpp"
#include "base/wipe.hpp"

namespace stek {
namespace {

static_assert(sizeof(gcm_key_data) <= aes256gcm_state_size);

const gcm_key_data* key_in(const std::byte* bytes) noexcept {
  return reinterpret_cast<const gcm_key_data*>(bytes);
}

// Its functions for this CPU; the jobs that it is made for have no use here. Never freed: keys may
// outlive whatever would free it.
constinit const IMB_MGR* manager = nullptr;

// Without AES instructions it would go by tables, whose time tells of the key.
bool available() noexcept {
  constexpr std::uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
  IMB_MGR* made = alloc_mb_mgr(0);
  if (made == nullptr) return false;
  init_mb_mgr_auto(made, nullptr);
  manager = made;
  return made->imb_errno == 0 && (made->features & needed) == needed;
}

void expand(std::byte* state, const std::byte* key) noexcept {
  manager->gcm256_pre(key, reinterpret_cast<gcm_key_data*>(state));
  sodium_stackzero(deepest_call);
}

void seal(const std::byte* state, std::byte* out, std::byte* tag, Bytes plaintext, Bytes associated,
          const std::byte* nonce) noexcept {
  gcm_context_data context;
  manager->gcm256_enc(key_in(state), &context, u8(out), u8(plaintext), plaintext.size(), u8(nonce),
                      u8(associated), associated.size(), u8(tag), 16);
  wipe_object(context);
}

bool open(const std::byte* state, std::byte* out, Bytes ciphertext, const std::byte* tag,
          Bytes associated, const std::byte* nonce) noexcept {
  gcm_context_data context;
  std::array<std::byte, 16> right;
  manager->gcm256_dec(key_in(state), &context, u8(out), u8(ciphertext), ciphertext.size(),
                      u8(nonce), u8(associated), associated.size(), u8(right), right.size());
  const bool genuine = crypto_verify_16(u8(right), u8(tag)) == 0;
  // The right tag of a forged ticket would be a forgery.
  wipe_object(right);
  wipe_object(context);
  return genuine;
}

}  // namespace

const Aes256GcmLibrary aes256gcm_ipsec_mb{
    .name = "ipsec-mb", .available = available, .expand = expand, .seal = seal, .open = open};

}  // namespace stek
