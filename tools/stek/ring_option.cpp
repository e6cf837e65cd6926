#include "ring_option.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "output.hpp"
#include "store/ring_file.hpp"
#include "store/ring_url.hpp"

namespace stek::tool {

void add_ring_option(CLI::App& app, RingOption& ring) {
  app.add_option_function<std::string>(
         "--ring",
         [&ring](const std::string& url) {
           if (url.empty()) throw CLI::ValidationError("--ring", "names nothing");
           ring.url = url;
         },
         "where the ring lives: file:PATH, or a path")
      ->type_name("URL");
  app.add_option_function<std::vector<std::string>>(
         "--kek",
         [&ring](const std::vector<std::string>& files) {
           ring.keks.insert(ring.keks.end(), files.begin(), files.end());
         },
         "key that the ring is sealed under; of two, the first seals")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option_function<std::string>(
         "--remember",
         [&ring](const std::string& file) {
           if (file.empty()) throw CLI::ValidationError("--remember", "names nothing");
           ring.remember = file;
         },
         "remembers the ring; an older one is refused")
      ->type_name("FILE");
}

namespace {

std::string default_url() {
  std::error_code ignored;
  const bool source_tree = std::filesystem::is_directory("keys", ignored) &&
                           std::filesystem::is_regular_file("meson.build", ignored);
  return source_tree ? "file:keys/ring.json" : "file:/var/lib/stek/ring.json";
}

/// Empty where the environment does not have it.
std::string environment(const char* name) {
  // The command has one thread.
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

std::string url_of(const RingOption& ring) {
  if (!ring.url.empty()) return ring.url;
  const std::string url = environment("STEK_RING");
  return url.empty() ? default_url() : url;
}

/// Not quoted in the complaint, as it may be one.
bool looks_like_a_kek(const std::string& text) {
  Kek kek;
  return from_hex(kek.expose_room(), text) || from_base64(kek.expose_room(), text);
}

std::expected<std::filesystem::path, Complaint> kek_file(const std::string& name) {
  constexpr std::string_view scheme = "credential:";
  if (looks_like_a_kek(name)) {
    return complain(Exit::usage, "a KEK is given by the name of its file, not by its bytes",
                    "if that was one, others can have seen it: make another");
  }
  if (!name.starts_with(scheme)) return std::filesystem::path(name);
  const std::string credential = name.substr(scheme.size());
  const std::string folder = environment("CREDENTIALS_DIRECTORY");
  if (folder.empty()) {
    return complain(Exit::usage,
                    fmt::format("no credential {}: CREDENTIALS_DIRECTORY is not set", credential),
                    "systemd sets it for a unit with LoadCredential= or LoadCredentialEncrypted=");
  }
  if (credential.empty() || credential.find('/') != std::string::npos) {
    return complain(Exit::usage, "credential: takes the name of a credential, without a folder");
  }
  return std::filesystem::path(folder) / credential;
}

std::expected<std::vector<std::filesystem::path>, Complaint> files_of(
    const std::vector<std::string>& names) {
  std::vector<std::filesystem::path> files;
  for (const std::string& name : names) {
    auto file = kek_file(name);
    if (!file) return std::unexpected(std::move(file.error()));
    files.push_back(*std::move(file));
  }
  return files;
}

std::vector<std::string> names_of_keks(const RingOption& ring) {
  if (!ring.keks.empty()) return ring.keks;
  const std::string by_environment = environment("STEK_KEK");
  return by_environment.empty() ? std::vector<std::string>() : std::vector{by_environment};
}

std::expected<FileStoreOptions, Complaint> options_of(const RingOption& ring) {
  FileStoreOptions options;
  options.rekey = ring.rekey;
  options.take_plain = ring.take_plain;
  options.remember_in = ring.remember;
  auto keks = keks_from(names_of_keks(ring));
  if (!keks) return std::unexpected(std::move(keks.error()));
  options.keks = *std::move(keks);
  return options;
}

std::expected<FileStore, Complaint> store_with(const RingOption& ring, FileStoreOptions options) {
  auto store = store_at(url_of(ring), std::move(options));
  if (!store) {
    return complain(Exit::usage, std::move(store.error().message), std::move(store.error().hint));
  }
  return *std::move(store);
}

/// The hint to remove what does not remember a ring would have the ring removed.
bool remembers_in_itself(const RingOption& ring, const FileStore& store) {
  std::error_code ignored;
  return !ring.remember.empty() && std::filesystem::weakly_canonical(ring.remember, ignored) ==
                                       std::filesystem::weakly_canonical(store.path(), ignored);
}

}  // namespace

std::expected<FileStore, Complaint> store_named(const RingOption& ring) {
  auto options = options_of(ring);
  if (!options) return std::unexpected(std::move(options.error()));
  auto store = store_with(ring, *std::move(options));
  if (store && remembers_in_itself(ring, *store)) {
    return complain(Exit::usage, ring.remember + " is the ring, and cannot remember it",
                    "--remember names another file");
  }
  return store;
}

std::expected<KeyRing, Complaint> ring_named(const RingOption& ring) {
  auto store = store_named(ring);
  if (!store) return std::unexpected(std::move(store.error()));
  auto read = store->read();
  if (!read) return complain(std::move(read.error()));
  return *std::move(read);
}

bool is_plain_on_disk(const RingOption& ring, const std::filesystem::path& path) {
  const auto keks = kek_files(ring);
  return !(keks && !keks->empty()) && !store::on_memory(path);
}

void warn_of_plain_ring(const RingOption& ring, const std::filesystem::path& path) {
  if (is_plain_on_disk(ring, path)) {
    say("warning", "the ring is in plain on a disk; --kek seals it");
  }
}

std::expected<std::filesystem::path, Complaint> ring_path(const RingOption& ring) {
  const auto store = store_with(ring, {});
  if (!store) return std::unexpected(store.error());
  return store->path();
}

std::expected<std::vector<std::filesystem::path>, Complaint> kek_files(const RingOption& ring) {
  return files_of(names_of_keks(ring));
}

std::expected<std::vector<Kek>, Complaint> keks_from(const std::vector<std::string>& names) {
  const auto files = files_of(names);
  if (!files) return std::unexpected(files.error());
  std::vector<Kek> keks;
  for (const std::filesystem::path& file : *files) {
    auto kek = read_kek(file);
    if (!kek) return complain(std::move(kek.error()));
    keks.push_back(*std::move(kek));
  }
  return keks;
}

}  // namespace stek::tool
