// A ClientHello as JSON, for who has no raw bytes, and a verdict.
#pragma once

#include <stek/resumption.hpp>

#include "wire/json.hpp"

namespace stek {

/// An object with the fields of `ClientHello`; `legacy_version` and `cipher_suites` must be there,
/// `compression_methods` is [0] unless given. Versions and suites by name or number, bytes in hex.
/// The failure names the place, such as "hello: /cipher_suites", and never quotes the text.
std::expected<ClientHello, Failure> hello_from_json(std::string_view text);
std::expected<ClientHello, Failure> hello_from(wire::Json json);

/// An object with names for what has one: `outcome`, `reason`, `text`, `renew`, `age`; with an
/// abort its `alert`, with a resumption its `cipher_suite`, else the `rule`; `early_data` where the
/// hello offers any, and where it is accepted its `replay_identity`.
wire::Json to_json(const Verdict& verdict);

}  // namespace stek
