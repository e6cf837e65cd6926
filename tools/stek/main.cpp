#include <array>

#include "command_line.hpp"
#include "keys.hpp"
#include "ticket.hpp"

namespace {

using namespace stek::tool;

constexpr auto verbs = std::to_array<Verb>({
    {"keys", "init", "make a ring with its first key", keys_init},
    {"keys", "list", "show the ring, its keys and their instants", keys_list},
    {"keys", "rotate", "do what the schedule has due; run it from a timer", keys_rotate},
    {"keys", "run", "rotate whenever something is due, until told to stop", keys_run},
    {"keys", "timeline", "draw what each key does and say what is next", keys_timeline},
    {"keys", "revoke", "end a key, or all, before its time", keys_revoke},
    {"keys", "import", "take in the ticket keys of a TLS server", keys_import},
    {"keys", "lint", "say of every key whether something is wrong with it", keys_lint},
    {"keys", "rekey", "seal the ring anew, under another KEK", keys_rekey},
    {"keys", "export", "write the keys of one trust domain, for a machine apart", keys_export},
    {"ticket", "issue", "session (JSON on stdin) to ticket (base64 on stdout)", ticket_issue},
    {"ticket", "resume", "ticket (base64 on stdin) and hello to verdict", ticket_resume},
    {"ticket", "inspect", "explain a ticket (base64 on stdin), part by part", ticket_inspect},
});

}  // namespace

int main(int argc, char** argv) {
  return run(verbs, argc, argv);
}
