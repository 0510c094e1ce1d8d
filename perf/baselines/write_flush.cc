// write_flush: the least that appending to a log costs. Batches are written one behind another into
// files of 64 MiB that were filled with zeros before, each batch with one pwrite and one fdatasync;
// behind the last file's end it goes on at the first one's beginning.
//
// It writes into a folder of its own below --folder, and removes it at the end. Prints bytes a
// second.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "perf/baselines/baseline.h"

namespace {

constexpr std::size_t kFileBytes = std::size_t{64} << 20;

bool write_all(int file, const std::vector<unsigned char>& bytes, std::size_t offset) {
  return ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
         static_cast<ssize_t>(bytes.size());
}

// A file of zeros, all of it on the disk; below 0 when that fails.
int make_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const std::vector<unsigned char> zeros(std::size_t{1} << 20);
  for (std::size_t at = 0; file >= 0 && at < kFileBytes; at += zeros.size()) {
    if (!write_all(file, zeros, at)) return -1;
  }
  return file >= 0 && ::fsync(file) == 0 ? file : -1;
}

// Bytes a second; 0 when a write or a flush has failed.
double measure(const std::string& folder, std::size_t bytes, double run_seconds) {
  using namespace ringroad::baseline;
  std::vector<unsigned char> batch(bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    batch[i] = static_cast<unsigned char>((i * 2654435761u) >> 13);
  }
  std::vector<int> files;
  for (int i = 0; i < 3; ++i) {
    files.push_back(make_file(folder + "/" + std::to_string(i)));
    if (files.back() < 0) return 0;
  }
  std::uint64_t batches = 0;
  std::size_t file = 0, at = 0;
  const std::int64_t begin = now_ns();
  const std::int64_t deadline = deadline_after(run_seconds);
  do {
    if (at + bytes > kFileBytes) {
      file = (file + 1) % files.size();
      at = 0;
    }
    if (!write_all(files[file], batch, at) || ::fdatasync(files[file]) != 0) return 0;
    at += bytes;
    ++batches;
  } while (now_ns() < deadline);
  return static_cast<double>(batches * bytes) / (static_cast<double>(now_ns() - begin) / 1e9);
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = std::filesystem::temp_directory_path().string();
  std::size_t bytes = 65'536;
  double run_seconds = 1;
  CLI::App app{"Bytes a second by pwrite and fdatasync"};
  app.add_option("--folder", folder, "on the disk to be measured")->capture_default_str();
  app.add_option("--bytes", bytes, "of a batch")->check(CLI::Range(1, 1 << 26));
  app.add_option("--seconds", run_seconds, "how long to run")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::string own = folder + "/ringroad-flush-XXXXXX";
  const double value = ::mkdtemp(own.data()) == nullptr ? 0 : measure(own, bytes, run_seconds);
  std::error_code ignored;
  std::filesystem::remove_all(own, ignored);
  if (value == 0) {
    std::fprintf(stderr, "write_flush: %s cannot be written and flushed\n", folder.c_str());
    return 1;
  }
  std::printf("{\"value\": %.0f, \"unit\": \"bytes/s\", \"batch_bytes\": %zu}\n", value, bytes);
  return 0;
}
