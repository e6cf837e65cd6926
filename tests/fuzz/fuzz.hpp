// What the fuzz targets share. A target is one file that defines `run`. With libFuzzer it is let
// loose by tools/fuzz; in any other build it replays its corpus, so that what was once found stays
// found.
#pragma once

#include <stek/bytes.hpp>

namespace stek::fuzz {

/// What a target does with one input. The same each time: nothing is kept from input to input.
void run(Bytes input);

/// A rule of the code under test. Broken, it ends the process, which is how libFuzzer learns of a
/// finding.
void check(bool holds, const char* rule) noexcept;

}  // namespace stek::fuzz
