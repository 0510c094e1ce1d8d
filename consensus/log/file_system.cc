#include "consensus/log/file_system.h"

#include "absl/strings/str_cat.h"

namespace ringroad::raft::durable {

absl::StatusOr<std::vector<std::byte>> read_whole(FileSystem& files, const std::string& name,
                                                  std::uint64_t bytes_max) {
  auto file = files.open(name, OpenMode::kRead);
  if (!file.ok()) return file.status();
  const auto size = (*file)->size();
  if (!size.ok()) return size.status();
  if (*size > bytes_max) {
    return absl::OutOfRangeError(
        absl::StrCat(name, " has ", *size, " bytes, at most ", bytes_max, " make sense"));
  }
  std::vector<std::byte> bytes(*size);
  const auto count = (*file)->read(0, bytes);
  if (!count.ok()) return count.status();
  bytes.resize(*count);
  return bytes;
}

absl::Status replace_file(FileSystem& files, const std::string& name,
                          std::span<const std::byte> bytes) {
  const std::string part = name + ".part";
  auto file = files.open(part, OpenMode::kCreate);
  if (!file.ok()) return file.status();
  if (absl::Status status = (*file)->write(0, bytes); !status.ok()) return status;
  if (absl::Status status = (*file)->flush(); !status.ok()) return status;
  if (absl::Status status = files.rename(part, name); !status.ok()) return status;
  return files.flush_folder();
}

}  // namespace ringroad::raft::durable
