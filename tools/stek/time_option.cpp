#include "time_option.hpp"

#include "time_text.hpp"

namespace stek::tool {

CLI::Option* add_duration(CLI::App& app, const std::string& name,
                          const std::function<void(Seconds)>& set, const std::string& otherwise,
                          const std::string& help) {
  CLI::Option* option = app.add_option_function<std::string>(
      name,
      [name, set](const std::string& text) {
        const auto duration = seconds_from(text);
        if (!duration) {
          throw CLI::ValidationError(name, "not a duration such as 12h, 90m, 45s, 7d or 1h30m");
        }
        set(*duration);
      },
      help);
  return option->type_name("TIME")->default_str(otherwise);
}

}  // namespace stek::tool
