#include "tools/ringroad/history.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "dataplane/host/descriptor.h"
#include "dataplane/host/socket_path.h"

namespace ringroad::cli {

std::string history_file() {
  std::filesystem::path folder = host::path_from_environment("XDG_STATE_HOME");
  if (folder.empty()) {
    const std::string home = host::path_from_environment("HOME");
    if (home.empty()) return {};
    folder = std::filesystem::path(home) / ".local/state";
  }
  folder /= "ringroad";
  std::error_code error;
  if (std::filesystem::create_directories(folder, error)) chmod(folder.c_str(), 0700);
  if (error) return {};
  const std::string file = (folder / "history").string();
  // Not through a link somebody else may have laid; never readable by others, whatever it was.
  const host::Descriptor descriptor{
      open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!descriptor.valid() || fchmod(descriptor.get(), 0600) != 0) return {};
  return file;
}

}  // namespace ringroad::cli
