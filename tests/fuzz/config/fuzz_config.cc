// parse_config on any bytes: it neither crashes nor accepts what it would not print and read back
// the same, and a refusal always says something about the file.
#include <cstdint>
#include <string_view>

#include "dataplane/base/check.h"
#include "dataplane/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = ringroad::parse_config(text, "fuzz");
  if (!config.ok()) {
    RR_CHECK(config.status().message().substr(0, 5) == "fuzz:");
    return 0;
  }
  const std::string printed = ringroad::print_config(*config);
  const auto again = ringroad::parse_config(printed, "printed");
  RR_CHECK(again.ok());
  RR_CHECK(ringroad::print_config(*again) == printed);
  return 0;
}
