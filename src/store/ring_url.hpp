// Which store a ring's name means.
#pragma once

#include <string_view>

#include <stek/store.hpp>

namespace stek {

/// `url` is a path, or file:PATH. `Error::unsuitable` for another scheme or no path.
std::expected<FileStore, Failure> store_at(std::string_view url, FileStoreOptions options = {});

}  // namespace stek
