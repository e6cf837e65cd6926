#include <cstdio>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "base/memory.hpp"
#include "daemon.hpp"
#include "output.hpp"
#include "wire/json.hpp"

namespace {

using namespace stek;
using namespace stek::daemon;

constexpr std::string_view footer =
    "The configuration, whose keys flags and environment overrule:\n"
    "  ring, kek, remember      as 'stek keys' has them; STEK_RING, STEK_KEK\n"
    "  rotate = true            false: the ring is followed, and others rotate it\n"
    "  threads = 1              event loops for tickets\n"
    "  deadline = \"2s\"          for a request; for the first, since its connection came\n"
    "  idle = \"60s\"             of a connection between two\n"
    "  grace = \"5s\"             for what is under way when SIGTERM comes\n"
    "  metrics_listen           such as \"127.0.0.1:9464\": metrics and page, read-only\n"
    "  allow_unlocked = false   true: run though memory cannot be locked\n"
    "  [admin]                  socket, mode, group, users\n"
    "  [realm.NAME]             domain, context, labels, lifetime, cap, cap_tls13, legacy_ems,\n"
    "                           require_client_identity, early_data, tls13_any_server_name\n"
    "  [listen.NAME]            socket, mode, group; or tcp, certificate, key, client_ca;\n"
    "                           realm, and users or clients such as [\"www-data=shop\"]\n"
    "\n"
    "SIGHUP reads it again, all or nothing. SIGTERM drains. Logs are lines of JSON on standard\n"
    "error. Exit codes: 0 done, 1 failure, 2 usage, 4 store or socket unreachable\n";

struct Command {
  Flags flags;
  bool check = false;
};

void declare(CLI::App& app, Command& command) {
  app.name("stekd");
  app.set_version_flag("--version", "stekd " STEK_VERSION);
  app.set_help_flag("-h,--help", "print this help");
  app.add_option("-c,--config", command.flags.file, "the configuration")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_flag("-t,--check", command.check, "say whether the configuration is good, and end");
  tool::add_ring_option(app, command.flags.ring);
  app.add_flag("--allow-unlocked", command.flags.allow_unlocked,
               "run though memory cannot be locked against swapping");
  app.footer(std::string(footer));
}

/// To people.
int say(const tool::Complaint& complaint) {
  std::string text = fmt::format("stekd: error: {}\n", complaint.message);
  if (!complaint.hint.empty()) text += fmt::format("stekd: hint: {}\n", complaint.hint);
  [[maybe_unused]] const auto written = std::fwrite(text.data(), 1, text.size(), stderr);
  return static_cast<int>(complaint.exit);
}

/// To the log, as what reads it expects lines of JSON.
int tell(const tool::Complaint& complaint, Log& log) {
  wire::Json more = wire::Json::object();
  if (!complaint.hint.empty()) more["hint"] = complaint.hint;
  log.write(Level::error, "not_started", complaint.message, std::move(more));
  return static_cast<int>(complaint.exit);
}

int run(int argc, char** argv) {
  CLI::App app;
  Command command;
  declare(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return tool::print(app.help()) ? 0 : 1;
  } catch (const CLI::CallForVersion& version) {
    return tool::print(std::string(version.what()) + "\n") ? 0 : 1;
  } catch (const CLI::ParseError& error) {
    return say({.exit = tool::Exit::usage, .message = error.what(), .hint = "see 'stekd --help'"});
  }
  if (command.check) {
    const auto checked = check_configuration(command.flags);
    return checked ? static_cast<int>(*checked) : say(checked.error());
  }
  Log log;
  const auto ended = run_daemon(command.flags, log);
  return ended ? static_cast<int>(*ended) : tell(ended.error(), log);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const wire::Json::exception&) {
    // Its text may quote a secret.
    return say({.exit = tool::Exit::failure,
                .message = "this is a bug of stekd, in its JSON",
                .hint = {}});
  } catch (const std::exception& error) {
    return say({.exit = tool::Exit::failure, .message = error.what(), .hint = {}});
  }
}
