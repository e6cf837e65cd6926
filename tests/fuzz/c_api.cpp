// Programs of calls of stek.h, in any order, with any handles, sizes and structs: whatever is
// called, it says so, writes into nothing but the rooms it was given, and a ticket that was issued
// opens.
//
// An input is a list of steps, each a byte that chooses the call and then its arguments. A struct
// is one that is fit for use, edited at some places and cut to some size, in memory of just that
// size with a canary behind it.
#include <stek/stek.h>

#include <limits>

#include "fuzz/fuzz.hpp"
#include "fuzz/keys.hpp"
#include "hello_bytes.hpp"
#include "wire/reader.hpp"

namespace stek::fuzz {
namespace {

using test::Wire;

constexpr std::byte canary{0xa5};
constexpr std::size_t canaries = 16;
constexpr std::int64_t start = now.time_since_epoch().count();

/// Bytes of a caller, and canaries behind them.
class Memory {
 public:
  explicit Memory(std::size_t size) : bytes_(size + canaries, canary), size_(size) {}

  [[nodiscard]] std::byte* data() noexcept { return bytes_.data(); }
  [[nodiscard]] Bytes bytes() const noexcept { return Bytes(bytes_).first(size_); }
  void check_canaries() const {
    const Bytes behind = Bytes(bytes_).subspan(size_);
    check(std::ranges::all_of(behind, [](std::byte b) { return b == canary; }),
          "nothing is written behind a room");
  }

 private:
  Wire bytes_;
  std::size_t size_;
};

/// A room and its size, which may be absurd: then it is refused before anything is written.
struct SizedRoom {
  SizedRoom(std::size_t bytes, bool absurd)
      : memory(bytes),
        given(absurd ? std::numeric_limits<std::size_t>::max() : bytes),
        size(given) {}

  void check_after(stek_error error) const {
    memory.check_canaries();
    if (error == STEK_OK) check(size <= given, "what was written fits the room");
    if (error == STEK_ROOM_TOO_SMALL) {
      check(size > given && size <= STEK_MAX_TICKET, "what suffices is more, and not too much");
    }
  }

  Memory memory;
  std::size_t given;
  std::size_t size;
};

/// A struct of any size in memory of that size, but for absurd ones, of which only the size is
/// read.
template <class Struct>
class CutStruct {
 public:
  CutStruct(const Struct& whole, std::size_t size)
      : size_(size),
        memory_(size > STEK_LONGEST_STRUCT ? sizeof size : std::max(size, sizeof size)) {
    const Bytes from = std::as_bytes(std::span(&whole, 1));
    const std::size_t known = std::min(from.size(), memory_.bytes().size());
    std::ranges::fill(Room(memory_.data(), memory_.bytes().size()), std::byte{0});
    std::ranges::copy(from.first(known), memory_.data());
    std::memcpy(memory_.data(), &size, sizeof size);
  }

  [[nodiscard]] Struct* get() noexcept { return reinterpret_cast<Struct*>(memory_.data()); }
  [[nodiscard]] Struct whole() const noexcept {
    Struct whole{};
    const Bytes from = memory_.bytes();
    std::memcpy(&whole, from.data(), std::min(from.size(), sizeof whole));
    return whole;
  }
  void check_after() const {
    memory_.check_canaries();
    check(whole().size == size_, "a struct keeps its size");
  }

 private:
  std::size_t size_;
  Memory memory_;
};

stek_session session_of_kind(std::uint8_t kind) {
  stek_session session{};
  session.version = 0x0303;
  session.cipher_suite = 0xc02f;
  session.extended_master_secret = 1;
  session.secret_size = 48;
  if (kind % 4 == 1) {
    session.version = 0x0304;
    session.cipher_suite = 0x1301;
    session.extended_master_secret = 0;
    session.secret_size = 32;
    session.has_ticket_age_add = session.has_max_early_data_size = 1;
  }
  if (kind % 4 == 2) {
    session.cipher_suite = 0xc009;
    session.encrypt_then_mac = 1;
  }
  if (kind % 4 == 3) {
    session.transport = STEK_DTLS;
    session.version = 0xfefd;
    std::ranges::copy(std::string_view("shop.example"), session.server_name);
  }
  std::fill_n(session.secret, session.secret_size, std::uint8_t{'s'});
  return session;
}

/// What of a session a client's hello shows.
Session shown(const stek_session& from) {
  Session session;
  session.transport = from.transport == 0 ? Transport::tls : Transport{from.transport};
  session.version = ProtocolVersion{from.version};
  session.cipher_suite = CipherSuite{from.cipher_suite};
  session.extended_master_secret = from.extended_master_secret != 0;
  session.encrypt_then_mac = from.encrypt_then_mac != 0;
  session.max_fragment_length = MaxFragmentLength{from.max_fragment_length};
  if (from.server_name[0] != '\0') session.server_name = HostName::from(from.server_name).value();
  return session;
}

bool is_enabled_by_default(std::uint16_t version) {
  return version == 0x0303 || version == 0x0304 || version == 0xfefd || version == 0xfefc;
}

struct View {
  stek_tickets* handle;
  bool plain;  ///< of the default policy, without context
};
struct Source {
  stek_ticketer* handle;
  bool plain;
};

class Program {
 public:
  explicit Program(Bytes input) : in_(input) {}
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    for (const Source& source : sources_) stek_ticketer_close(source.handle);
    for (const View& view : views_) stek_tickets_close(view.handle);
  }

  void run() {
    constexpr int most_steps = 24;
    for (int n = 0; n < most_steps && !in_.empty(); ++n) step();
  }

 private:
  // ---- arguments

  [[nodiscard]] std::int64_t instant() {
    const std::uint8_t n = in_.u8();
    if (n == 0xff) return std::numeric_limits<std::int64_t>::min();
    if (n == 0xfe) return std::numeric_limits<std::int64_t>::max();
    return start + std::int64_t{n} * 600;
  }

  /// Its own size for 0, and a byte chooses others.
  template <class Struct>
  std::size_t struct_size() {
    const std::uint16_t n = in_.u16();
    if (n == 0) return sizeof(Struct);
    return n == 0xffff ? std::numeric_limits<std::size_t>::max() : n % (STEK_LONGEST_STRUCT + 100);
  }

  /// Bytes overwritten where an edit says, but for pointers.
  template <class Struct>
  void edit(Struct& whole) {
    const Room bytes = std::as_writable_bytes(std::span(&whole, 1));
    for (std::uint8_t n = in_.u8() % 8; n > 0; --n) {
      const std::size_t at = in_.u16() % bytes.size();
      bytes[at] = static_cast<std::byte>(in_.u8());
    }
  }

  /// A pointer and size: nothing, bytes of the input, no pointer, or a size that is too large.
  template <class T>
  void lead(const T*& pointer, std::size_t& size) {
    const std::uint8_t n = in_.u8();
    pointer = nullptr;
    size = 0;
    if (n == 0) return;
    size = n == 0xff ? 100'000 : n % 64;
    if (n == 0xff || n % 2 == 0) return;
    const Bytes bytes = in_.bytes(std::min(size * sizeof(T), in_.rest().size()));
    kept_.emplace_back(bytes.begin(), bytes.end());
    pointer = reinterpret_cast<const T*>(kept_.back().data());
    size = bytes.size() / sizeof(T);
  }

  CutStruct<stek_session> session() {
    stek_session whole = session_of_kind(in_.u8());
    edit(whole);
    lead(whole.client_chain, whole.client_chain_size);
    lead(whole.application_data, whole.application_data_size);
    lead(whole.extras, whole.extras_size);
    return {whole, struct_size<stek_session>()};
  }

  template <class Struct>
  CutStruct<Struct> any() {
    Struct whole{};
    edit(whole);
    if constexpr (std::is_same_v<Struct, stek_policy>) {
      lead(whole.cipher_suites, whole.cipher_suites_count);
      lead(whole.application_protocols, whole.application_protocols_size);
    }
    return {whole, struct_size<Struct>()};
  }

  SizedRoom room() {
    const std::uint8_t n = in_.u8();
    return SizedRoom(n < 0xf0 ? std::size_t{n} * 2 : std::size_t{STEK_MAX_TICKET}, n == 0xff);
  }

  [[nodiscard]] Source* source() {
    const std::uint8_t n = in_.u8();
    return n == 0xff || sources_.empty() ? nullptr : &sources_[n % sources_.size()];
  }
  [[nodiscard]] View view() {
    const std::uint8_t n = in_.u8();
    return n == 0xff || views_.empty() ? View{} : views_[n % views_.size()];
  }
  static stek_ticketer* handle_of(const Source* source) {
    return source == nullptr ? nullptr : source->handle;
  }

  // ---- steps

  void step() {
    switch (in_.u8() % 11) {
      case 0:
        return standalone();
      case 1:
        return make_view();
      case 2:
        return close();
      case 3:
        return look();
      case 4:
        return issue();
      case 5:
        return resume();
      case 6:
        return seal_and_open();
      case 7:
        return rings();
      case 8:
        return wipe_and_name();
      case 10:
        return issue_and_resume_encoded();
      default:
        return standalone_by_default();
    }
  }

  void keep(stek_error error, stek_ticketer* made, bool plain) {
    check((error == STEK_OK) == (made != nullptr), "a handle, or a failure");
    if (made != nullptr) sources_.push_back({made, plain});
  }

  void standalone_by_default() {
    stek_ticketer* made = nullptr;
    const stek_error error = stek_ticketer_standalone(nullptr, nullptr, start, &made, nullptr);
    keep(error, made, true);
  }

  void standalone() {
    if (sources_.size() > 3) return;
    auto schedule = any<stek_schedule>();
    auto policy = any<stek_policy>();
    auto failure = any<stek_failure>();
    stek_ticketer* made = nullptr;
    const stek_error error =
        stek_ticketer_standalone(schedule.get(), policy.get(), instant(), &made, failure.get());
    keep(error, made, false);
    schedule.check_after();
    policy.check_after();
    failure.check_after();
  }

  void make_view() {
    if (views_.size() > 3) return;
    const Source* from = source();
    const std::uint8_t n = in_.u8();
    const std::string domain(n % 4 == 3 ? 254U + n % 3U : n % 4U, 'd');
    const std::array<std::uint8_t, 16> context{n};
    const bool plain = n < 0x80;
    stek_tickets* made = nullptr;
    const stek_error error =
        stek_ticketer_in(handle_of(from), domain.data(), domain.size(),
                         plain ? nullptr : context.data(), instant(), &made, nullptr);
    check((error == STEK_OK) == (made != nullptr), "a view, or a failure");
    if (made != nullptr) views_.push_back({made, plain && from->plain});
  }

  void close() {
    const std::uint8_t n = in_.u8();
    if (n % 2 == 0 && !sources_.empty()) {
      stek_ticketer_close(sources_.back().handle);
      sources_.pop_back();
    } else if (!views_.empty()) {
      stek_tickets_close(views_.back().handle);
      views_.pop_back();
    }
  }

  void look() {
    const Source* from = source();
    auto failure = any<stek_failure>();
    auto health = any<stek_health>();
    stek_ticketer_refresh(handle_of(from), instant(), failure.get());
    stek_ticketer_health(handle_of(from), instant(), health.get());
    failure.check_after();
    health.check_after();
  }

  void issue() {
    const View with = view();
    auto session = this->session();
    SizedRoom ticket = room();
    const std::int64_t at = instant();
    const stek_error error = stek_tickets_issue(with.handle, session.get(), at,
                                                ticket.memory.data(), &ticket.size, nullptr);
    session.check_after();
    ticket.check_after(error);
    if (error != STEK_OK) return;
    const Bytes issued = ticket.memory.bytes().first(ticket.size);
    ticket_.assign(issued.begin(), issued.end());
    check_issued(with, session.whole(), at);
  }

  void check_issued(const View& with, const stek_session& session, std::int64_t at) {
    const Session like = shown(session);
    const Wire hello = test::hello_for(like, ticket_);
    stek_verdict verdict{};
    verdict.size = sizeof verdict;
    stek_session again{};
    again.size = sizeof again;
    Wire space(STEK_MAX_TICKET);
    std::size_t size = space.size();
    const stek_error error = stek_tickets_resume(with.handle, hello.data(), hello.size(),
                                                 like.transport == Transport::quic ? STEK_QUIC : 0,
                                                 at, &verdict, &again, space.data(), &size);
    check(error == STEK_OK, "the hello of a session parses, and a whole room suffices");
    const bool usual = with.plain && is_enabled_by_default(session.version) &&
                       session.has_server_name_hash == 0 && session.authenticated_at == 0;
    check(!usual || verdict.outcome == STEK_RESUME, "what was issued resumes");
    if (verdict.outcome != STEK_RESUME) return;
    check(std::ranges::equal(std::span(again.secret).first(again.secret_size),
                             std::span(session.secret).first(session.secret_size)),
          "and has its secret");
    check(again.application_data_size == session.application_data_size &&
              again.client_chain_size == session.client_chain_size &&
              again.extras_size == session.extras_size,
          "and all that its pointers lead to");
  }

  void resume() {
    const View with = view();
    auto verdict = any<stek_verdict>();
    auto session = this->session();
    SizedRoom space = room();
    const std::uint8_t form = in_.u8();
    const std::int64_t at = instant();
    const Bytes rest = in_.bytes(std::min<std::size_t>(in_.rest().size(), in_.u8()));
    const Wire hello = form % 2 == 0 ? test::hello_for(shown(session_of_kind(form / 2)), ticket_)
                                     : Wire(rest.begin(), rest.end());
    const stek_error error =
        form < 0x80
            ? stek_tickets_resume(with.handle, hello.data(), hello.size(), form % 5, at,
                                  verdict.get(), session.get(), space.memory.data(), &space.size)
            : stek_tickets_resume_one(with.handle, ticket_.data(), ticket_.size(), hello.data(),
                                      hello.size(), 0, at, verdict.get(), session.get(),
                                      space.memory.data(), &space.size);
    verdict.check_after();
    session.check_after();
    space.check_after(error);
    if (error == STEK_OK && verdict.whole().outcome != STEK_RESUME) {
      const stek_session whole = session.whole();
      check(is_zero(std::as_bytes(std::span(&whole, 1)).subspan(sizeof whole.size)),
            "no session but of a ticket that resumes");
    }
  }

  /// As rustls writes it down: a session that is fit, with some of its bytes overwritten.
  [[nodiscard]] Wire rustls_session() {
    const std::uint8_t kind = in_.u8();
    const stek_session from = session_of_kind(kind % 2);
    Wire bytes(1);
    if (kind % 4 > 1) bytes = {std::byte{1}, std::byte{1}, std::byte{'a'}};
    test::append_number(bytes, from.version, 2);
    test::append_number(bytes, from.cipher_suite, 2);
    test::append_vector(bytes, 1, std::as_bytes(std::span(from.secret).first(from.secret_size)));
    test::append_number(bytes, from.extended_master_secret, 1);
    test::append_number(bytes, 0, 4);
    test::append_number(bytes, static_cast<std::size_t>(start), 8);
    test::append_number(bytes, 0, 4);
    for (std::uint8_t n = in_.u8() % 4; n > 0; --n) {
      const std::size_t at = in_.u8() % bytes.size();
      bytes[at] = static_cast<std::byte>(in_.u8());
    }
    return bytes;
  }

  void issue_and_resume_encoded() {
    const View with = view();
    const int encoding = in_.u8() % 8 == 7 ? in_.u8() : int{STEK_ENCODING_RUSTLS_0_20};
    const Wire bytes = rustls_session();
    const std::int64_t since = in_.u8() % 2 == 0 ? 0 : instant();
    const std::int64_t at = instant();
    SizedRoom ticket = room();
    const stek_error error =
        stek_tickets_issue_encoded(with.handle, encoding, bytes.data(), bytes.size(), since, at,
                                   ticket.memory.data(), &ticket.size, nullptr);
    ticket.check_after(error);
    if (error == STEK_OK) {
      const Bytes issued = ticket.memory.bytes().first(ticket.size);
      ticket_.assign(issued.begin(), issued.end());
    }
    const bool usual = with.plain && error == STEK_OK && since == 0;
    resume_encoded(with, encoding, at);
    if (usual) check_issued_encoded(with, at, bytes);
  }

  void resume_encoded(const View& with, int encoding, std::int64_t at) {
    auto verdict = any<stek_verdict>();
    SizedRoom space = room();
    std::int64_t since = 77;
    const Bytes name = in_.bytes(std::min<std::size_t>(in_.rest().size(), in_.u8() % 4));
    const stek_error error =
        stek_tickets_resume_encoded(with.handle, encoding, ticket_.data(), ticket_.size(),
                                    reinterpret_cast<const char*>(name.data()), name.size(), at,
                                    verdict.get(), &since, space.memory.data(), &space.size);
    verdict.check_after();
    space.check_after(error);
    check(error == STEK_OK || since == 0, "after a failure nothing is left");
    check(error != STEK_OK || (since != 0) == (space.size != 0), "a session, or none");
  }

  void check_issued_encoded(const View& with, std::int64_t at, const Wire& bytes) {
    stek_verdict verdict{};
    verdict.size = sizeof verdict;
    std::int64_t since = 0;
    Wire space(STEK_MAX_TICKET);
    std::size_t size = space.size();
    const stek_error error = stek_tickets_resume_encoded(with.handle, STEK_ENCODING_RUSTLS_0_20,
                                                         ticket_.data(), ticket_.size(), nullptr, 0,
                                                         at, &verdict, &since, space.data(), &size);
    check(error == STEK_OK && verdict.outcome == STEK_RESUME, "what was issued resumes");
    check(since == at, "as of its first handshake");
    // But for the time at which the ticket was issued, which is stek's.
    constexpr std::size_t behind = 8 + 4;
    check(size == bytes.size(), "as long as it was");
    check(std::ranges::equal(Bytes(space).first(size - behind), Bytes(bytes).first(size - behind)),
          "and as it was");
  }

  void seal_and_open() {
    const View with = view();
    const std::string label(in_.u8() % 40, 'l');
    const Bytes data = in_.bytes(std::min<std::size_t>(in_.rest().size(), in_.u8()));
    SizedRoom ticket = room();
    SizedRoom space = room();
    const std::int64_t at = instant();
    stek_error error = stek_tickets_seal(with.handle, label.c_str(), data.data(), data.size(), at,
                                         ticket.memory.data(), &ticket.size, nullptr);
    ticket.check_after(error);
    if (error != STEK_OK) return;
    std::int32_t reason = 0;
    error = stek_tickets_open(with.handle, label.c_str(), ticket.memory.data(), ticket.size, at,
                              &reason, space.memory.data(), &space.size);
    space.check_after(error);
    if (error != STEK_OK) return;
    check(reason == STEK_REASON_RESUMES, "what was sealed opens");
    check(std::ranges::equal(space.memory.bytes().first(space.size), data), "as it was");
  }

  /// None of these places has a ring.
  void rings() {
    constexpr std::array<const char*, 6> places{
        nullptr, "", "file:", "etcd:x", "/dev/null/ring", "file://host/ring"};
    const char* place = places[in_.u8() % places.size()];
    auto failure = any<stek_failure>();
    auto schedule = any<stek_schedule>();
    stek_ticketer* made = nullptr;
    const std::int64_t at = instant();
    check(stek_ring_create(place, schedule.get(), at, failure.get()) != STEK_OK, "no ring there");
    check(stek_ring_rotate(place, at, failure.get()) != STEK_OK, "no ring there");
    check(stek_ring_promote(place, at, failure.get()) != STEK_OK, "no ring there");
    check(stek_ticketer_open(place, nullptr, at, &made, failure.get()) != STEK_OK, "no ring there");
    check(made == nullptr, "no handle for a failure");
    failure.check_after();
  }

  void wipe_and_name() {
    auto session = this->session();
    stek_session_wipe(session.get());
    session.check_after();
    const int number = static_cast<std::int16_t>(in_.u16());
    for (const auto name :
         {stek_error_name, stek_error_text, stek_reason_name, stek_reason_text, stek_outcome_name,
          stek_alert_name, stek_early_data_name, stek_profile_name}) {
      check(*name(number) != '\0', "every number has a name");
    }
  }

  wire::Reader in_;
  std::vector<Source> sources_;
  std::vector<View> views_;
  Wire ticket_;  // issued last
  std::vector<Wire> kept_;
};

}  // namespace

void run(Bytes input) {
  Program(input).run();
}

}  // namespace stek::fuzz
