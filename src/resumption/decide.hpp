// The decision, where the verdict lies already.
#pragma once

#include <stek/resumption.hpp>

namespace stek {

/// As `decide`, over whatever `verdict` is. A verdict is several small fields: to copy one that was
/// written just now, the CPU has to wait for them.
void decide_into(Verdict& verdict, const Session& session, const ClientHello& hello,
                 const Policy& policy, Instant now, std::size_t identity) noexcept;

}  // namespace stek
