#include <doctest/doctest.h>

#include "wire/json.hpp"
#include "wire/record.hpp"
#include "wire/size_class.hpp"
#include "wire/text.hpp"

namespace stek::wire {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST_CASE("a reader that has run past the end stays failed") {
  const auto bytes = bytes_of({1, 2, 3});
  Reader reader(bytes);
  CHECK_EQ(reader.u16(), 0x0102);
  CHECK(reader.ok());
  CHECK_EQ(reader.u16(), 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.empty());
  CHECK_EQ(reader.u8(), 0);
  CHECK_FALSE(reader.done());
}

TEST_CASE("a vector outside its bounds, or longer than what is there, fails") {
  const auto bytes = bytes_of({3, 'a', 'b', 'c'});
  CHECK_EQ(Reader(bytes).vector<std::uint8_t>(0, 3).size(), 3);
  for (const auto& [min, max] : {std::pair<std::size_t, std::size_t>{4, 9}, {0, 2}}) {
    Reader reader(bytes);
    (void)reader.vector<std::uint8_t>(min, max);
    CHECK_FALSE(reader.ok());
  }
  Reader truncated(Bytes(bytes).first(3));
  CHECK(truncated.vector<std::uint8_t>(0, 9).empty());
  CHECK_FALSE(truncated.ok());
}

TEST_CASE("a writer never writes past its room") {
  std::array<std::byte, 3> room{};
  Writer writer(room);
  writer.number(std::uint16_t{0x0102});
  CHECK(writer.ok());
  writer.number(std::uint16_t{0x0304});
  CHECK_FALSE(writer.ok());
  CHECK_EQ(room[2], std::byte{0});
  CHECK_EQ(writer.used(), 2);
}

TEST_CASE("size classes: the smallest, 256, then powers of two up to 16384") {
  CHECK_EQ(class_of(0, 112), 112);
  CHECK_EQ(class_of(112, 112), 112);
  CHECK_EQ(class_of(113, 112), 256);
  CHECK_EQ(class_of(128, 128), 128);
  CHECK_EQ(class_of(129, 128), 256);
  CHECK_EQ(class_of(257, 128), 512);
  CHECK_EQ(class_of(16384, 128), 16384);
  CHECK_EQ(class_of(16385, 128), 0);
  for (std::size_t n = 1; n <= 20000; ++n) {
    CHECK_EQ(is_class(n, 112), n == 112 || (n >= 256 && n <= 16384 && std::has_single_bit(n)));
  }
}

enum class Colour : std::uint8_t { red = 1 };

struct Sample {
  Colour colour = Colour::red;
  std::uint32_t count = 0;
  bool big = false;
  bool bold = false;
  Instant at{};
  std::array<std::byte, 4> mark{};
  std::optional<std::uint32_t> extra;
  std::optional<std::uint16_t> more;

  friend bool operator==(const Sample&, const Sample&) = default;
};

constexpr Header header{
    "Sample",
    Constant{"version", 7, ""},
    Field<&Sample::colour>{"colour", "1 red"},
    Field<&Sample::count>{"count", "", Presence::required},
    Flags<&Sample::big, &Sample::bold>{"flags", {"big", "bold"}, {"", "of the weight"}},
    Field<&Sample::at>{"at", ""},
    Field<&Sample::mark>{"mark", ""},
};
constexpr Options options{
    "SampleOption",
    Option<&Sample::extra, std::uint32_t>{2, "extra", "a number"},
    Option<&Sample::more, std::uint16_t>{5, "more", ""},
};

}  // namespace

template <>
struct JsonForm<Colour> {
  static constexpr std::string_view expects = "\"red\"";
  static Json put(Colour) { return "red"; }
  static bool get(const Json& json, Colour& value) {
    value = Colour::red;
    return json == "red";
  }
};

namespace {

Sample sample() {
  Sample s;
  s.count = 0x01020304;
  s.bold = true;
  s.at = Instant(Seconds(5));
  s.mark = {std::byte{9}, std::byte{8}, std::byte{7}, std::byte{6}};
  s.extra = 0xaabbccdd;
  return s;
}

TEST_CASE("one description encodes and decodes a header") {
  std::array<std::byte, header.size> bytes{};
  header.encode(bytes, sample());
  CHECK_EQ(to_hex(bytes),
           "07"
           "01"
           "01020304"
           "02"
           "0000000000000005"
           "09080706");
  Sample back;
  CHECK(header.decode(bytes, back));
  back.extra = sample().extra;
  CHECK(back == sample());
}

TEST_CASE("a header is refused for another constant, an unknown flag, a time before 1970") {
  std::array<std::byte, header.size> good{};
  header.encode(good, sample());
  for (const std::size_t at :
       {std::size_t{0}, header.offset_of<&Sample::at>() - 1, header.offset_of<&Sample::at>()}) {
    auto bad = good;
    bad[at] = std::byte{0x80};
    Sample back;
    CHECK_FALSE(header.decode(bad, back));
  }
}

TEST_CASE("one field of an encoded header can be set alone") {
  std::array<std::byte, header.size> bytes{};
  header.encode(bytes, sample());
  header.set<&Sample::count>(bytes, 1);
  Sample back;
  CHECK(header.decode(bytes, back));
  CHECK_EQ(back.count, 1);
}

TEST_CASE("options stand in order, once each, whole, and known") {
  const auto decodes = [](std::initializer_list<int> values) {
    const auto bytes = bytes_of(values);
    Reader reader(bytes);
    Sample s;
    return options.decode(reader, s);
  };
  CHECK(decodes({}));
  CHECK(decodes({2, 0, 4, 1, 2, 3, 4}));
  CHECK(decodes({2, 0, 4, 1, 2, 3, 4, 5, 0, 2, 1, 1}));
  CHECK(decodes({5, 0, 2, 1, 1, 0, 0, 0}));
  CHECK_FALSE(decodes({5, 0, 2, 1, 1, 2, 0, 4, 1, 2, 3, 4}));
  CHECK_FALSE(decodes({5, 0, 2, 1, 1, 5, 0, 2, 1, 1}));
  CHECK_FALSE(decodes({2, 0, 3, 1, 2, 3}));
  CHECK_FALSE(decodes({2, 0, 4, 1, 2, 3}));
  CHECK_FALSE(decodes({2, 0}));
  CHECK_FALSE(decodes({3, 0, 0}));
}

TEST_CASE("the same description reads and writes JSON") {
  Json json = Json::object();
  to_json(json, header, sample());
  to_json(json, options, sample());
  CHECK_EQ(json.dump(),
           "{\"at\":5,\"big\":false,\"bold\":true,\"colour\":\"red\",\"count\":16909060,"
           "\"extra\":2864434397,\"mark\":\"09080706\"}");
  Sample back;
  CHECK_FALSE(from_json(json, "", back, header, options));
  CHECK(back == sample());
  CHECK(json.empty());
}

TEST_CASE("JSON is refused with the place, never with its text") {
  const auto message = [](std::string_view text) -> std::string {
    auto json = parse_json(text, "sample");
    if (!json) return json.error().message;
    Sample s;
    auto failure = from_json(*json, "", s, header, options);
    if (!failure) failure = refuse_leftovers(*json, "");
    return failure ? failure->message : "";
  };
  CHECK_EQ(message("{\"count\":1}"), "");
  CHECK_EQ(message("{\n  \"count\": hunter2\n}"), "sample: not JSON at line 2, column 12");
  CHECK_EQ(message("{}"), "/count: missing");
  CHECK_EQ(message("[]"), "/: expected an object");
  CHECK_EQ(message("{\"count\":\"hunter2\"}"),
           "/count: expected a number, zero or greater, in its range");
  CHECK_EQ(message("{\"count\":4294967296}"),
           "/count: expected a number, zero or greater, in its range");
  CHECK_EQ(message("{\"count\":1,\"bold\":1}"), "/bold: expected true or false");
  CHECK_EQ(message("{\"count\":1,\"hunter2\":1}"), "/: has a field of unknown name");
  CHECK_EQ(message("{\"count\":1,\"at\":1099511627776}"),
           "/at: expected seconds since 1970-01-01T00:00:00Z, less than 2^40");
}

TEST_CASE("the same description prints itself") {
  CHECK_EQ(text_of(header),
           "struct {\n"
           "    uint8 version = 7;\n"
           "    uint8 colour;                          /* 1 red */\n"
           "    uint32 count;\n"
           "    uint8 flags;                           /* bits: */\n"
           "                                           /*   0 big */\n"
           "                                           /*   1 bold, of the weight */\n"
           "    uint64 at;\n"
           "    opaque mark[4];\n"
           "} Sample;    /* 19 bytes */\n");
}

TEST_CASE("a secret text that is short enough to lie inline wipes itself") {
  std::vector<char> place(sizeof(SecretText));
  auto* const text = ::new (place.data()) SecretText("hunter2");
  const std::string_view seen(place.data(), place.size());
  REQUIRE_NE(seen.find("hunter2"), std::string_view::npos);
  std::destroy_at(text);
  CHECK_EQ(seen.find("hunter2"), std::string_view::npos);
}

}  // namespace
}  // namespace stek::wire
