// A folder of the operating system's: pwrite, pread, fdatasync, rename, fsync of the folder.
#pragma once

#include <string>

#include "consensus/log/file_system.h"

namespace ringroad::raft::durable {

class PosixFileSystem : public FileSystem {
 public:
  // The folder is made when it is not there (not those above it).
  static absl::StatusOr<std::unique_ptr<PosixFileSystem>> create(const std::string& path);
  // kNotFound without the folder.
  static absl::StatusOr<std::unique_ptr<PosixFileSystem>> open_folder(const std::string& path);
  ~PosixFileSystem() override;
  PosixFileSystem(const PosixFileSystem&) = delete;
  PosixFileSystem& operator=(const PosixFileSystem&) = delete;

  absl::StatusOr<std::unique_ptr<File>> open(const std::string& name, OpenMode mode) override;
  absl::Status rename(const std::string& from, const std::string& to) override;
  absl::Status remove(const std::string& name) override;
  absl::Status flush_folder() override;
  absl::StatusOr<std::vector<std::string>> list() override;
  absl::StatusOr<std::uint64_t> free_bytes() override;

 private:
  PosixFileSystem(std::string path, int folder) : path_(std::move(path)), folder_(folder) {}

  std::string path_;
  int folder_;
};

}  // namespace ringroad::raft::durable
