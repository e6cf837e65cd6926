#include "command_line.hpp"

#include <sys/resource.h>

#include <csignal>
#include <exception>
#include <map>
#include <memory>

#include <fmt/core.h>

#include "output.hpp"

namespace stek::tool {
namespace {

constexpr std::string_view about =
    "stek makes, rotates and explains TLS session tickets and their keys.\n"
    "\n"
    "Usage: stek NOUN VERB [OPTIONS]      'stek NOUN VERB --help' has the options\n"
    "\n";

constexpr std::string_view after_verbs =
    "\n"
    "  --ring URL   file:PATH or a path; else STEK_RING; else keys/ring.json in a\n"
    "               source tree, /var/lib/stek/ring.json elsewhere\n"
    "  --kek FILE   what the ring is sealed under, if it is; else STEK_KEK\n"
    "  --version, --help\n"
    "\n"
    "Exit codes: 0 done, 1 failure, 2 usage, 3 ticket refused, 4 store unreachable\n";

std::string help_of(std::span<const Verb> verbs) {
  std::string text(about);
  for (const Verb& verb : verbs) {
    text += fmt::format("  {:<6} {:<9} {}\n", verb.noun, verb.name, verb.summary);
  }
  text += after_verbs;
  return text;
}

std::string names_of_verbs(std::span<const Verb> verbs, std::string_view noun) {
  std::string names;
  for (const Verb& verb : verbs) {
    if (verb.noun != noun) continue;
    names += fmt::format("{}stek {} {}", names.empty() ? "" : ", ", noun, verb.name);
  }
  return names;
}

/// The command line, declared: what was parsed, and what to run for it.
struct CommandLine {
  std::span<const Verb> verbs;
  RingOption ring;
  CLI::App app;
  std::map<const CLI::App*, Job> jobs;

  explicit CommandLine(std::span<const Verb> table) : verbs(table) {
    app.name("stek");
    app.set_version_flag("--version", "stek " STEK_VERSION);
    app.set_help_flag("-h,--help", "print this help");
    app.require_subcommand(1);
    add_ring_option(app, ring);
    for (const Verb& verb : verbs) declare(verb);
    help_by_table(app);
  }

  /// Nouns need no help of their own beside the table.
  void help_by_table(CLI::App& parser) {
    parser.formatter_fn([this](const CLI::App* /*app*/, const std::string& /*name*/,
                               CLI::AppFormatMode /*mode*/) { return help_of(verbs); });
  }

  void declare(const Verb& verb) {
    CLI::App* added =
        noun_named(verb.noun)->add_subcommand(std::string(verb.name), std::string(verb.summary));
    const auto formatter = std::make_shared<CLI::Formatter>();
    formatter->column_width(26);
    added->formatter(formatter);
    jobs[added] = verb.declare(*added, ring);
    add_ring_option(*added, ring);
  }

  CLI::App* noun_named(std::string_view name) {
    const auto known =
        app.get_subcommands([&](const CLI::App* noun) { return noun->get_name() == name; });
    if (!known.empty()) return known.front();
    CLI::App* noun = app.add_subcommand(std::string(name));
    noun->require_subcommand(1);
    help_by_table(*noun);
    return noun;
  }

  /// The deepest of app, noun and verb that was named.
  [[nodiscard]] const CLI::App& named() const {
    const CLI::App* deepest = &app;
    while (!deepest->get_subcommands().empty()) deepest = deepest->get_subcommands().front();
    return *deepest;
  }
};

/// More arguments than `verb` takes. Not quoted: they may be secrets.
Complaint surplus(const CLI::App& verb) {
  const std::string noun = verb.get_parent()->get_name();
  const bool takes_one =
      !verb.get_options([](const CLI::Option* option) { return option->get_positional(); }).empty();
  return {.exit = Exit::usage,
          .message = fmt::format("stek {} {} takes {}", noun, verb.get_name(),
                                 takes_one ? "one argument" : "no argument"),
          .hint = noun == "ticket"
                      ? "sessions and tickets are read from standard input"
                      : fmt::format("'stek {} {} --help' has examples", noun, verb.get_name())};
}

/// Something that was typed and fits nowhere, or nothing where a noun or verb belongs.
Complaint misfit(const CommandLine& line) {
  const CLI::App& named = line.named();
  const std::string typed = named.remaining().empty() ? std::string() : named.remaining().front();
  const bool at_noun = &named == &line.app;
  const bool at_verb = line.jobs.contains(&named);
  if (typed.starts_with('-')) {
    const std::string flag = typed.substr(0, typed.find('='));
    return {.exit = Exit::usage,
            .message = "unknown flag " + flag,
            .hint = at_verb ? fmt::format("'stek {} {} --help' lists the flags",
                                          named.get_parent()->get_name(), named.get_name())
                            : "flags go behind the verb; 'stek --help' lists the verbs"};
  }
  if (at_verb) return surplus(named);
  if (typed.empty()) {
    return {.exit = Exit::usage,
            .message = at_noun ? "no verb given" : "no verb given for " + named.get_name(),
            .hint = at_noun ? "'stek --help' lists the verbs"
                            : "try " + names_of_verbs(line.verbs, named.get_name())};
  }
  return {.exit = Exit::usage,
          .message = at_noun ? fmt::format("unknown noun '{}'", typed)
                             : fmt::format("unknown verb '{} {}'", named.get_name(), typed),
          .hint = at_noun ? "'stek --help' lists nouns and verbs"
                          : "known are " + names_of_verbs(line.verbs, named.get_name())};
}

/// The parser's own words, in the tool's manner.
Complaint misuse(const CommandLine& line, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
      dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    return misfit(line);
  }
  std::string message = error.what();
  if (!message.empty() && message.front() >= 'A' && message.front() <= 'Z') {
    message.front() = static_cast<char>(message.front() - 'A' + 'a');
  }
  while (message.ends_with('.')) message.pop_back();
  return {.exit = Exit::usage, .message = message, .hint = {}};
}

Result parse_and_run(CommandLine& line, int argc, const char* const* argv) {
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return print(line.app.help());
  } catch (const CLI::CallForVersion& version) {
    return print(std::string(version.what()) + "\n");
  } catch (const CLI::ParseError& error) {
    return std::unexpected(misuse(line, error));
  }
  return line.jobs.at(&line.named())();
}

int exit_of(const Result& result) {
  if (result) return static_cast<int>(*result);
  const Complaint& complaint = result.error();
  say("error", complaint.message);
  if (!complaint.hint.empty()) say("hint", complaint.hint);
  return static_cast<int>(complaint.exit);
}

/// A core dump would hold secrets.
void forbid_core_dumps() noexcept {
  constexpr rlimit none{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &none);
}

/// A reader that has gone is an error of a write, which has a message and an exit code, and is no
/// reason for a rotator to end.
void ignore_broken_pipes() noexcept {
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

int run(std::span<const Verb> verbs, int argc, const char* const* argv) noexcept {
  try {
    forbid_core_dumps();
    ignore_broken_pipes();
    CommandLine line(verbs);
    return exit_of(parse_and_run(line, argc, argv));
  } catch (const wire::Json::exception&) {
    // Its text may quote a secret.
    say("error", "this is a bug of stek, in its JSON");
  } catch (const std::exception& error) {
    say("error", error.what());
  }
  return static_cast<int>(Exit::failure);
}

}  // namespace stek::tool
