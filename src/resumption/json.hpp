// A ClientHello as JSON, for who has no raw bytes.
#pragma once

#include <stek/resumption.hpp>

namespace stek {

/// An object with the fields of `ClientHello`; `legacy_version` and `cipher_suites` must be there,
/// `compression_methods` is [0] unless given. Versions and suites by name or number, bytes in hex.
/// The failure names the place, such as "hello: /cipher_suites", and never quotes the text.
std::expected<ClientHello, Failure> hello_from_json(std::string_view text);

}  // namespace stek
