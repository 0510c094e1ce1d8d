#include "tools/ringroad-gen/nodes_here.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>

#include "dataplane/base/limits.h"
#include "dataplane/config.h"

namespace ringroad::gen {

std::vector<NodeId> nodes_here(std::string_view suffix) {
  constexpr std::string_view kFront = "node-";
  std::vector<NodeId> nodes;
  std::error_code error;
  for (std::filesystem::directory_iterator at(runtime_directory(), error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(kFront) || !name.ends_with(suffix)) continue;
    const char* last = name.data() + name.size() - suffix.size();
    std::uint16_t id = 0;
    const auto read = std::from_chars(name.data() + kFront.size(), last, id);
    if (read.ec == std::errc{} && read.ptr == last && id >= 1 && id <= kNodesMax) {
      nodes.push_back(NodeId{id});
    }
  }
  std::ranges::sort(nodes);
  return nodes;
}

}  // namespace ringroad::gen
