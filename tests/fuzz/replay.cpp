// Stands in for libFuzzer: runs every file of the folders that it is given.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "fuzz/fuzz.hpp"

namespace {

std::string contents_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

int replay(const char* folder) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string input = contents_of(entry.path());
    stek::fuzz::run(std::as_bytes(std::span(input)));
    ++files;
  }
  return files;
}

}  // namespace

int main(int count, char** arguments) {
  int files = 0;
  for (char* folder : std::span(arguments, static_cast<std::size_t>(count)).subspan(1)) {
    files += replay(folder);
  }
  std::printf("%d inputs\n", files);
  return files == 0 ? 1 : 0;
}
