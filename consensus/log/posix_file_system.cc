#include "consensus/log/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"

namespace ringroad::raft::durable {

namespace {

absl::Status error_of(int error, const std::string& what) {
  if (error == ENOSPC || error == EDQUOT) {
    return absl::ResourceExhaustedError(absl::StrCat(what, ": no room left"));
  }
  if (error == EIO) return absl::DataLossError(absl::StrCat(what, ": I/O error"));
  return absl::ErrnoToStatus(error, what);
}

class PosixFile : public File {
 public:
  PosixFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  ~PosixFile() override { ::close(descriptor_); }

  absl::Status write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t count =
          ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return error_of(errno, absl::StrCat("write ", path_));
      offset += static_cast<std::uint64_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::size_t> read(std::uint64_t offset, std::span<std::byte> to) override {
    std::size_t done = 0;
    while (done < to.size()) {
      const ssize_t count = ::pread(descriptor_, to.data() + done, to.size() - done,
                                    static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return error_of(errno, absl::StrCat("read ", path_));
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  absl::Status flush() override {
    if (::fdatasync(descriptor_) != 0) return error_of(errno, absl::StrCat("flush ", path_));
    return absl::OkStatus();
  }

  absl::StatusOr<std::uint64_t> size() override {
    struct stat status{};
    if (::fstat(descriptor_, &status) != 0) return error_of(errno, absl::StrCat("stat ", path_));
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  std::string path_;
  int descriptor_;
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY | O_CLOEXEC;
    case OpenMode::kWrite:
      return O_RDWR | O_CLOEXEC;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC;
  }
  return O_RDONLY | O_CLOEXEC;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PosixFileSystem>> PosixFileSystem::create(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return error_of(errno, absl::StrCat("make ", path));
  }
  return open_folder(path);
}

absl::StatusOr<std::unique_ptr<PosixFileSystem>> PosixFileSystem::open_folder(
    const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return error_of(errno, absl::StrCat("open ", path));
  return std::unique_ptr<PosixFileSystem>(new PosixFileSystem(path, folder));
}

PosixFileSystem::~PosixFileSystem() { ::close(folder_); }

absl::StatusOr<std::unique_ptr<File>> PosixFileSystem::open(const std::string& name,
                                                            OpenMode mode) {
  const std::string path = absl::StrCat(path_, "/", name);
  const int descriptor = ::openat(folder_, name.c_str(), flags_of(mode), 0600);
  if (descriptor < 0) return error_of(errno, absl::StrCat("open ", path));
  return std::unique_ptr<File>(new PosixFile(path, descriptor));
}

absl::Status PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (::renameat(folder_, from.c_str(), folder_, to.c_str()) != 0) {
    return error_of(errno, absl::StrCat("rename ", path_, "/", from, " to ", to));
  }
  return absl::OkStatus();
}

absl::Status PosixFileSystem::remove(const std::string& name) {
  if (::unlinkat(folder_, name.c_str(), 0) != 0) {
    return error_of(errno, absl::StrCat("remove ", path_, "/", name));
  }
  return absl::OkStatus();
}

absl::Status PosixFileSystem::flush_folder() {
  if (::fsync(folder_) != 0) return error_of(errno, absl::StrCat("flush ", path_));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> PosixFileSystem::list() {
  DIR* folder = ::opendir(path_.c_str());
  if (folder == nullptr) return error_of(errno, absl::StrCat("list ", path_));
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(folder)) {
    struct stat status{};
    if (::fstatat(folder_, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(status.st_mode)) {
      names.emplace_back(entry->d_name);
    }
    errno = 0;
  }
  const int error = errno;
  ::closedir(folder);
  if (error != 0) return error_of(error, absl::StrCat("list ", path_));
  std::ranges::sort(names);
  return names;
}

absl::StatusOr<std::uint64_t> PosixFileSystem::free_bytes() {
  struct statvfs status{};
  if (::fstatvfs(folder_, &status) != 0) return error_of(errno, absl::StrCat("stat ", path_));
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace ringroad::raft::durable
