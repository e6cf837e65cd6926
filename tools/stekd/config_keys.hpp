// The keys of stekd's configuration, a table for each kind of section.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config.hpp"

namespace stek::daemon {

/// One `key = value` of the file. What is wrong with it, or nothing.
using Wrong = std::optional<std::string>;
using Values = std::vector<std::string>;

template <class Into>
struct Key {
  std::string_view name;
  std::function<Wrong(Into&, const Values&)> set;
};

const std::vector<Key<Config>>& top_keys();
const std::vector<Key<AdminConfig>>& admin_keys();
const std::vector<Key<RealmConfig>>& realm_keys();
const std::vector<Key<ListenConfig>>& listen_keys();

}  // namespace stek::daemon
