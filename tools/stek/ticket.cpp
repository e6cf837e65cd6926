#include "ticket.hpp"

#include <memory>

#include <fmt/core.h>

#include "hello.hpp"
#include "input.hpp"
#include "output.hpp"
#include "resumption/json.hpp"
#include "session/json.hpp"
#include "ticket/layout.hpp"
#include "time_text.hpp"

namespace stek::tool {

void add_domain_option(CLI::App& app, Realm& realm) {
  app.add_option("--domain", realm.domain, "trust domain; tickets of one open in no other")
      ->type_name("NAME")
      ->check([](const std::string& name) {
        return name.size() <= 255 ? std::string() : "a trust domain has at most 255 bytes";
      });
}

void add_context_option(CLI::App& app, Realm& realm) {
  app.add_option_function<std::string>(
         "--context",
         [&realm](const std::string& hex) {
           if (!from_hex(realm.context, hex)) {
             throw CLI::ValidationError("--context", "not 16 bytes as 32 hex digits");
           }
         },
         "hash of the configuration that authenticated the session")
      ->type_name("HEX");
}

std::expected<OpenRealm, Failure> open_realm(RingStore& store, const Realm& realm, Instant now) {
  auto ticketer = Ticketer::open(store, {}, now);
  if (!ticketer) return std::unexpected(std::move(ticketer.error()));
  auto tickets = ticketer->in(realm.domain, realm.context, now);
  if (!tickets) return std::unexpected(std::move(tickets.error()));
  return OpenRealm{.ticketer = *std::move(ticketer), .tickets = *std::move(tickets)};
}

namespace {

// ---- issue

struct IssueOptions {
  Realm realm;
  bool json = false;
};

/// The session as it would be sealed at `now`, for `flaw_of`.
Session stamped(const Session& session, const Policy& policy, Instant now) {
  Session sealed = session.copy();
  sealed.issued_at = now;
  sealed.lifetime = {};
  sealed.context = policy.context;
  if (sealed.authenticated_at == Instant{}) sealed.authenticated_at = now;
  return sealed;
}

std::unexpected<Complaint> no_ticket(Error error, const Session& session, const Policy& policy,
                                     Instant now) {
  std::string message = fmt::format("no ticket: {}", text_of(error));
  if (error == Error::invalid_session) {
    if (const auto flaw = flaw_of(stamped(session, policy, now))) {
      message = fmt::format("no ticket: session: /{}", *flaw);
    }
  }
  std::string hint;
  if (error == Error::no_active_key) hint = "run 'stek keys rotate'";
  if (error == Error::no_extended_master_secret) {
    hint = "set \"extended_master_secret\": true where the handshake negotiated it (RFC 7627)";
  }
  if (error == Error::context_missing) {
    hint = "name the configuration that authenticated the client with --context";
  }
  return complain(Exit::failure, std::move(message), std::move(hint));
}

Result print_ticket(const Ticket& ticket, bool json) {
  const std::string base64 = to_base64(ticket.bytes);
  if (!json) return print(base64 + "\n");
  return print_json(wire::Json{{"ticket", base64},
                               {"lifetime_hint", ticket.lifetime_hint.count()},
                               {"key", to_hex(ticket.bytes.first(ticket::name_size))}});
}

Result issue(const IssueOptions& options, const RingOption& where) {
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  const Instant now = system_now();
  const auto realm = open_realm(*store, options.realm, now);
  if (!realm) return complain(realm.error());
  const auto text = read_all("-", "session");
  if (!text) return std::unexpected(text.error());
  const auto session = session_from_json(*text);
  if (!session) return complain(session.error());
  if (session->issued_at != Instant{} || session->lifetime != Seconds{} ||
      session->context != Context{}) {
    say("note",
        "issued_at, lifetime and context of the session are replaced: now, the ring's, and "
        "--context");
  }
  std::array<std::byte, max_ticket> room;
  const auto ticket = realm->tickets.issue(*session, room, now);
  if (!ticket) return no_ticket(ticket.error(), *session, realm->tickets.policy(), now);
  return print_ticket(*ticket, options.json);
}

// ---- resume

struct ResumeOptions {
  Realm realm;
  std::string ticket;
  std::string hello;
  bool json = false;
  bool reveal = false;
};

/// What a ticket holds, or any session where it does not open.
Session session_in(Bytes ticket, const Tickets& tickets, Instant now) {
  if (auto session = tickets.open(ticket, now)) return *std::move(session);
  Session any;
  any.version = ProtocolVersion::tls1_2;
  return any;
}

std::expected<Resumption, Complaint> resume_without_hello(const std::string& name,
                                                          const Tickets& tickets, Instant now) {
  const auto ticket = read_ticket(name);
  if (!ticket) return std::unexpected(ticket.error());
  return tickets.resume(hello_offering(*ticket, session_in(*ticket, tickets, now), now), now);
}

std::expected<Resumption, Complaint> resume_with(const ClientHello& hello, const std::string& name,
                                                 const Tickets& tickets, Instant now) {
  const auto ticket = read_ticket(name);
  if (!ticket) return std::unexpected(ticket.error());
  if (brings_ticket(hello)) return tickets.resume(*ticket, hello, now);
  return tickets.resume(*ticket, offering(hello, *ticket, session_in(*ticket, tickets, now), now),
                        now);
}

std::expected<Resumption, Complaint> resumption(const ResumeOptions& options,
                                                const Tickets& tickets, Instant now) {
  const std::string from = options.ticket.empty() ? "-" : options.ticket;
  if (options.hello.empty()) return resume_without_hello(from, tickets, now);
  const auto hello = read_hello(options.hello);
  if (!hello) return std::unexpected(hello.error());
  if (options.ticket.empty() && brings_ticket(*hello)) return tickets.resume(*hello, now);
  if (from == "-" && options.hello == "-") {
    return complain(Exit::usage, "--hello: ticket and hello cannot both be standard input",
                    "this hello brings no ticket of its own");
  }
  return resume_with(*hello, from, tickets, now);
}

std::string describe(const Verdict& verdict) {
  std::string text = fmt::format("outcome  {}\n", name_of(verdict.outcome));
  if (verdict.outcome == Outcome::abort) {
    text += fmt::format("alert    {}\n", name_of(verdict.alert));
  }
  text += fmt::format("reason   {}: {}\n", name_of(verdict.reason), text_of(verdict.reason));
  if (verdict.outcome == Outcome::resume) {
    text += fmt::format("renew    {}\n", verdict.renew ? "yes" : "no");
  } else {
    text += fmt::format("rule     {}\n", rfc_of(verdict.reason));
  }
  if (verdict.early_data != EarlyData::none) {
    text += fmt::format("early    {}\n", name_of(verdict.early_data));
  }
  return text + fmt::format("age      {}\n", text_of(verdict.age));
}

wire::Json json_of(const Resumption& resumption, bool reveal) {
  wire::Json json = to_json(resumption.verdict);
  if (resumption.verdict.outcome == Outcome::resume) {
    json["session"] = to_json(resumption.session, reveal ? Reveal::secret : Reveal::no);
  }
  return json;
}

void hint_at(Reason reason) {
  if (reason == Reason::unknown_key) {
    say("hint", "is it the ring that issued the ticket? 'stek keys list' names its keys");
  }
  if (reason == Reason::altered) {
    say("hint", "name the domain that the ticket was issued in with --domain");
  }
  if (reason == Reason::context_differs) {
    say("hint", "name the context that the ticket was issued in with --context");
  }
}

Result resume(const ResumeOptions& options, const RingOption& where) {
  auto store = store_named(where);
  if (!store) return std::unexpected(std::move(store.error()));
  const Instant now = system_now();
  const auto realm = open_realm(*store, options.realm, now);
  if (!realm) return complain(realm.error());
  const auto resumed = resumption(options, realm->tickets, now);
  if (!resumed) return std::unexpected(resumed.error());
  const Verdict& verdict = resumed->verdict;
  const Exit exit = verdict.outcome == Outcome::resume ? Exit::done : Exit::refused;
  auto printed = options.json ? print_json(json_of(*resumed, options.reveal), exit)
                              : print(describe(verdict), exit);
  hint_at(verdict.reason);
  return printed;
}

void refuse_stdin_twice(const ResumeOptions& options) {
  if (options.ticket == "-" && options.hello == "-") {
    throw CLI::ValidationError("--hello", "ticket and hello cannot both be standard input");
  }
}

}  // namespace

Job ticket_issue(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<IssueOptions>();
  add_domain_option(app, options->realm);
  add_context_option(app, options->realm);
  app.add_flag("--json", options->json, "print ticket, lifetime hint and key as JSON");
  app.footer(
      "A session of TLS 1.2:\n"
      "  {\"version\": \"TLS 1.2\", \"cipher_suite\": \"0xc02f\", \"secret\": \"96 hex digits\",\n"
      "   \"extended_master_secret\": true, \"server_name\": \"shop.example\"}\n"
      "of TLS 1.3:\n"
      "  {\"version\": \"TLS 1.3\", \"cipher_suite\": \"TLS_AES_128_GCM_SHA256\",\n"
      "   \"secret\": \"64 hex digits\", \"ticket_age_add\": 12345, \"max_early_data_size\": 0}\n"
      "\n"
      "Example:\n"
      "  stek ticket issue --domain shop < session.json > ticket");
  return [options, &ring] { return issue(*options, ring); };
}

Job ticket_resume(CLI::App& app, RingOption& ring) {
  const auto options = std::make_shared<ResumeOptions>();
  add_domain_option(app, options->realm);
  add_context_option(app, options->realm);
  app.add_option("--ticket", options->ticket,
                 "the ticket in base64; else the hello's own, else standard input")
      ->type_name("FILE");
  app.add_option("--hello", options->hello, "what the client said; else it offers what fits")
      ->type_name("FILE");
  CLI::Option* json = app.add_flag("--json", options->json, "print verdict and session as JSON");
  app.add_flag("--reveal", options->reveal, "print the session's secret too")->needs(json);
  app.final_callback([options] { refuse_stdin_twice(*options); });
  app.footer(
      "The hello is a ClientHello as it came off the socket, with record headers or without, or\n"
      "JSON with the fields that matter:\n"
      "  {\"legacy_version\": \"TLS 1.2\", \"cipher_suites\": [\"0xc02f\"],\n"
      "   \"server_name\": \"shop.example\", \"extended_master_secret\": true}\n"
      "and transport, supported_versions, compression_methods, session_id, encrypt_then_mac,\n"
      "truncated_hmac, max_fragment_length, session_ticket, application_protocols,\n"
      "supported_groups, signature_algorithms, psk_key_exchange_modes, psk_identities (each with\n"
      "identity and obfuscated_ticket_age), pre_shared_key_last, key_share, early_data,\n"
      "fallback, secure_renegotiation. Without --hello, one is made that offers exactly what\n"
      "the session has. A refused ticket ends with exit code 3.\n"
      "\n"
      "Example:\n"
      "  stek ticket resume --domain shop --hello hello.bin < ticket");
  return [options, &ring] { return resume(*options, ring); };
}

}  // namespace stek::tool
