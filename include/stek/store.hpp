// Where a ring lives.
#pragma once

#include <filesystem>
#include <memory>

#include <stek/ring.hpp>

namespace stek {

/// A change of a ring: takes the ring as it is, gives the ring as it should be. Returning the ring
/// with its generation unchanged writes nothing.
using RingChange = std::function<std::expected<KeyRing, Failure>(KeyRing)>;

/// A place that holds one ring. Thread-safe. Every ring read from it has passed `flaw_of`.
class RingStore {
 public:
  virtual ~RingStore() = default;

  /// The ring as it is now.
  virtual std::expected<KeyRing, Failure> read() = 0;

  /// Puts a first ring. `Error::already_there` when there is one.
  virtual std::expected<void, Failure> create(const KeyRing& ring) = 0;

  /// Reads, changes and writes back as one act: of two concurrent updates each sees the other's
  /// result or is seen by it. Returns the ring that is now in place: a change that leaves the
  /// generation as it is has to leave the ring so, too. A change that contradicts itself
  /// (`flaw_of`) is refused.
  virtual std::expected<KeyRing, Failure> update(const RingChange& change) = 0;

  /// A cheap mark of what is there now: while it is the same, `read` gives the same ring. 0 when it
  /// cannot be told.
  [[nodiscard]] virtual std::uint64_t mark() const noexcept = 0;

  /// True when reading is cheap enough for a caller on its way to a ticket (a local file).
  [[nodiscard]] virtual bool local() const noexcept = 0;
};

struct FileStoreOptions {
  /// Key-encryption keys, any of which opens the ring; two, while one takes over from the other. A
  /// new ring is sealed under the first, a changed one under the KEK that opened it. None: the ring
  /// is in plain.
  std::vector<Kek> keks;
  /// Seals a changed ring under the first KEK, whatever it was under.
  bool rekey = false;
  /// With KEKs, a ring in plain is refused, since anyone who can write there could have put it.
  /// This takes it, so that the next write seals it.
  bool take_plain = false;
  /// A file that remembers the ring read last: afterwards another ring, an older generation, or
  /// other bytes under the same one are refused (`Error::other_ring`, `Error::rolled_back`). It
  /// does so across restarts, and best lies where who can write the ring cannot. Who reads the ring
  /// has to be able to write it; the store is then not `local`. Empty: a Ticketer remembers for as
  /// long as it lives, and nothing else does.
  std::filesystem::path remember_in;
};

/// A KEK from a file: 32 bytes, or 64 hex digits. Refuses what others can read (`Error::exposed`)
/// and what is weak (`Error::weak_secret`).
std::expected<Kek, Failure> read_kek(const std::filesystem::path& path);

/// A ring in a file, mode 0600, or 0640 for a group of its own; refused when others can read it. A
/// link is followed.
///
/// A write takes a lock beside the file (PATH.lock), writes a temporary file, syncs it, reads it
/// back, renames it over the old one and syncs the folder: after a crash at any point the file is
/// the old ring or the new one, whole. A failure that says that the new ring is in place comes
/// after that: the folder could not be synced, or what was read last could not be remembered.
/// FORMAT.md has the format.
class FileStore final : public RingStore {
 public:
  explicit FileStore(std::filesystem::path path, FileStoreOptions options = {})
      : path_(std::move(path)), options_(std::move(options)) {}

  std::expected<KeyRing, Failure> read() override;
  std::expected<void, Failure> create(const KeyRing& ring) override;
  std::expected<KeyRing, Failure> update(const RingChange& change) override;
  [[nodiscard]] std::uint64_t mark() const noexcept override;
  [[nodiscard]] bool local() const noexcept override { return options_.remember_in.empty(); }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  FileStoreOptions options_;
};

/// A ring that lives and ends with the process.
class MemoryStore final : public RingStore {
 public:
  MemoryStore();
  ~MemoryStore() override;
  MemoryStore(MemoryStore&&) noexcept;
  MemoryStore& operator=(MemoryStore&&) noexcept;

  std::expected<KeyRing, Failure> read() override;
  std::expected<void, Failure> create(const KeyRing& ring) override;
  std::expected<KeyRing, Failure> update(const RingChange& change) override;
  [[nodiscard]] std::uint64_t mark() const noexcept override;
  [[nodiscard]] bool local() const noexcept override { return true; }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stek
