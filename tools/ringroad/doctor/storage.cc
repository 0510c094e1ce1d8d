// Disks: room where sockets and state are kept, and how long a flush takes there. The one check
// that writes: into a file without a name, which is gone however it ends.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <set>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "hugepages/text.h"
#include "tools/ringroad/doctor/checks.h"

namespace ringroad::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kStateFolder[] = "/var/lib/ringroad";  // of the systemd units
constexpr std::uint64_t kFreeBytesFull = 1u << 20;
constexpr std::uint64_t kFreeBytesLittle = 64u << 20;
constexpr int kFlushes = 16;
constexpr std::size_t kFlushBytes = 4'096;
constexpr std::chrono::milliseconds kFlushSlow{10};
constexpr std::chrono::seconds kMeasureMax{2};

std::string look_mend(const std::string& folder) {
  return absl::StrCat("df -h ", shell_word(folder), "; make room: sudo du -xh --max-depth=2 ",
                      shell_word(folder), " | sort -h | tail");
}

void say_space(const Machine& machine, const std::string& folder, Findings& findings) {
  struct statvfs space{};
  if (statvfs(machine.real(folder).c_str(), &space) != 0) {
    return findings.warning(
        absl::StrCat("not known: room in ", folder, " is not readable: ", std::strerror(errno)),
        "sudo ringroad doctor");
  }
  const std::uint64_t free = space.f_bavail * space.f_frsize;
  const std::string text = absl::StrCat(megabytes(free), " free in ", folder);
  if (space.f_files > 0 && space.f_favail == 0) {
    return findings.wrong(absl::StrCat(folder, " is full: no file can be made (no inode is free)"),
                          absl::StrCat("df -i ", shell_word(folder), "; remove files there"));
  }
  if (free < kFreeBytesFull) {
    return findings.wrong(absl::StrCat(folder, " is full: ", text), look_mend(folder));
  }
  if (free < kFreeBytesLittle) return findings.warning(text, look_mend(folder));
  findings.ok(text);
}

struct Flushes {
  int error = 0;  // errno of what failed; 0: nothing did
  std::vector<Clock::duration> took;
};

// Writes and flushes a file that has no name from its first moment, so that nothing is left behind
// however this ends.
Flushes measure_flushes(const std::string& folder) {
  Flushes flushes;
  std::string path = absl::StrCat(folder, "/.ringroad-doctor-XXXXXX");
  const int file = mkostemp(path.data(), O_CLOEXEC);
  if (file < 0) {
    flushes.error = errno;
    return flushes;
  }
  unlink(path.c_str());
  const absl::Cleanup close_file = [file] { close(file); };
  std::array<char, kFlushBytes> block{};
  const auto begin = Clock::now();
  for (int i = 0; i < kFlushes && Clock::now() - begin < kMeasureMax; ++i) {
    block.fill(static_cast<char>(i + 1));
    const auto start = Clock::now();
    const ssize_t written = pwrite(file, block.data(), block.size(), i * off_t{kFlushBytes});
    if (written != static_cast<ssize_t>(block.size())) {
      flushes.error = written < 0 ? errno : ENOSPC;
      return flushes;
    }
    if (fdatasync(file) != 0) {
      flushes.error = errno;
      return flushes;
    }
    flushes.took.push_back(Clock::now() - start);
  }
  return flushes;
}

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

void check_free_space(const Machine& machine, Findings& findings) {
  std::set<dev_t> seen;  // two folders of one disk are one finding
  for (const std::string& wanted : {machine.runtime_folder(), std::string(kStateFolder)}) {
    const std::string folder = machine.closest_folder(wanted);
    struct stat status{};
    if (stat(machine.real(folder).c_str(), &status) != 0 || seen.insert(status.st_dev).second) {
      say_space(machine, folder, findings);
    }
  }
}

void check_flush_latency(const Machine& machine, Findings& findings) {
  // The state's disk, where this user may write; else the one of the sockets.
  std::string folder = machine.closest_folder(kStateFolder);
  if (!machine.is_writable(folder)) folder = machine.closest_folder(machine.runtime_folder());
  Flushes flushes = measure_flushes(machine.real(folder));
  if (flushes.error == ENOSPC || flushes.error == EDQUOT) {
    return findings.wrong(absl::StrCat(folder, " is full: nothing can be written"),
                          look_mend(folder));
  }
  if (flushes.error == EACCES || flushes.error == EPERM || flushes.error == EROFS) {
    return findings.warning(absl::StrCat("not known: this user may not write to ", folder),
                            "sudo ringroad doctor");
  }
  if (flushes.error != 0) {
    return findings.wrong(
        absl::StrCat("a flush in ", folder, " failed: ", std::strerror(flushes.error)),
        "look for errors of the disk: sudo dmesg | tail -n 50");
  }
  std::sort(flushes.took.begin(), flushes.took.end());
  const auto median = flushes.took[flushes.took.size() / 2];
  const std::string text = absl::StrFormat(
      "4 KB written and flushed in %s: median %.2f ms, worst "
      "%.2f ms of %d",
      folder, milliseconds(median), milliseconds(flushes.took.back()), flushes.took.size());
  if (median < kFlushSlow) return findings.ok(text);
  findings.warning(text + ": slow for anything that has to be durable",
                   absl::StrCat("see what disk it is and what else writes there: findmnt -T ",
                                shell_word(folder)));
}

}  // namespace ringroad::cli
