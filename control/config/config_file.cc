#include "control/config/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "dataplane/config_json.h"
#include "dataplane/host/descriptor.h"

namespace ringroad::control {
namespace {

using host::Descriptor;

absl::Status fault(const char* what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(what, " ", path));
}

absl::Status write_all(int file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fault("write", path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

// A new file beside the old one, with its mode, on the disk before it gets the name.
absl::Status write_new(const std::string& path, std::string_view text, mode_t mode) {
  ::unlink(path.c_str());  // what an interrupted attempt may have left
  const Descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!file.valid()) return fault("create", path);
  if (::fchmod(file.get(), mode) != 0) return fault("chmod", path);
  if (auto status = write_all(file.get(), text, path); !status.ok()) return status;
  return ::fsync(file.get()) == 0 ? absl::OkStatus() : fault("fsync", path);
}

absl::Status sync_directory(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const std::string directory = parent.empty() ? "." : parent;
  const Descriptor opened{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!opened.valid()) return fault("open", directory);
  return ::fsync(opened.get()) == 0 ? absl::OkStatus() : fault("fsync", directory);
}

// A link is followed, so that the file behind it is replaced and not the link.
std::string resolved(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  return error ? path : real.string();
}

}  // namespace

std::string previous_path(const std::string& path) { return absl::StrCat(path, ".previous"); }

absl::StatusOr<std::string> read_text(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file.valid()) return fault("open", path);
  std::string text(kConfigBytesMax + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fault("read", path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

absl::Status replace_text(const std::string& given_path, std::string_view text) {
  const std::string path = resolved(given_path);
  struct stat old{};
  if (::stat(path.c_str(), &old) != 0) return fault("stat", path);
  const auto before = read_text(path);
  if (!before.ok()) return before.status();

  const std::string new_path = absl::StrCat(path, ".new");
  const std::string kept_path = absl::StrCat(path, ".kept");
  const auto cleanup = absl::MakeCleanup([&] {
    ::unlink(new_path.c_str());
    ::unlink(kept_path.c_str());
  });
  const mode_t mode = old.st_mode & 07777;
  if (auto status = write_new(new_path, text, mode); !status.ok()) return status;
  if (auto status = write_new(kept_path, *before, mode); !status.ok()) return status;
  if (::rename(kept_path.c_str(), previous_path(given_path).c_str()) != 0) {
    return fault("rename to", previous_path(given_path));
  }
  if (::rename(new_path.c_str(), path.c_str()) != 0) return fault("rename to", path);
  auto synced = sync_directory(path);
  // Not safe on the disk is not done: the old text gets its name back.
  if (!synced.ok()) ::rename(previous_path(given_path).c_str(), path.c_str());
  return synced;
}

}  // namespace ringroad::control
