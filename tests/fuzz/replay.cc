// Runs a fuzz target's kept seeds, and seeded mutations of them, as an ordinary test: every build
// tries them, with any compiler and sanitizer. Linked in place of libFuzzer's main.
//
//   replay DIRECTORY [MUTATIONS]    prints one TAP case for each seed
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "dataplane/base/prng.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void run(const Bytes& input) {
  // A copy of exactly its size, so that a sanitizer sees reads beyond it; never a null pointer.
  const Bytes exact(input);
  static const std::uint8_t kNothing = 0;
  LLVMFuzzerTestOneInput(exact.empty() ? &kNothing : exact.data(), exact.size());
}

Bytes mutated(Bytes input, ringroad::Prng& prng) {
  for (std::uint64_t edits = 1 + prng.below(4); edits > 0 && !input.empty(); --edits) {
    const auto at = static_cast<std::ptrdiff_t>(prng.below(input.size()));
    switch (prng.below(5)) {
      case 0:
        input[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1u << prng.below(8));
        break;
      case 1:
        input[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(prng.below(256));
        break;
      case 2:
        input.resize(static_cast<std::size_t>(at));
        break;
      case 3:
        input.erase(input.begin() + at);
        break;
      default:
        input.insert(input.begin() + at, static_cast<std::uint8_t>(prng.below(256)));
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY [MUTATIONS]\n", argv[0]);
    return 2;
  }
  const int mutations = argc > 2 ? std::atoi(argv[2]) : 0;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  std::printf("1..%zu\n", paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Bytes seed = read_file(paths[i]);
    run(seed);
    ringroad::Prng prng(i);
    for (int round = 0; round < mutations; ++round) run(mutated(seed, prng));
    std::printf("ok %zu - %s\n", i + 1, paths[i].filename().c_str());
    std::fflush(stdout);
  }
  return paths.empty() ? 1 : 0;
}
