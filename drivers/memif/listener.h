// A master's listening socket, shared by all interfaces of this process on one path. It greets
// whoever connects, reads INIT, and hands the connection to the mailbox of the interface whose id
// was asked for; the rest of the handshake is that interface's.
//
// Interfaces on one path may belong to different threads, hence the locks: here and in the
// mailboxes, on the control path only. The table of open listeners is the one piece of process-wide
// state in this folder: a path can be bound once a process, so what is shared is the process's.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "drivers/memif/socket.h"

namespace ringroad::memif {

// Where a listener leaves a connection for an interface; its descriptor wakes the owner.
class Mailbox {
 public:
  struct Letter {
    FileDescriptor socket;
    Init init;
  };

  explicit Mailbox(std::uint32_t id);
  std::uint32_t id() const { return id_; }
  int descriptor() const { return event_.get(); }
  bool put(Letter& letter);  // false, and untouched: the last one was not fetched yet
  std::optional<Letter> take();

 private:
  std::uint32_t id_;
  FileDescriptor event_;
  std::mutex mutex_;
  std::optional<Letter> letter_;
};

class Listener {
 public:
  // The one of this path, bound now if nobody in this process holds it.
  static absl::StatusOr<std::shared_ptr<Listener>> open(const std::string& path);
  ~Listener();

  absl::Status add(std::shared_ptr<Mailbox> mailbox);
  void remove(const Mailbox* mailbox);

  // Readable when service() has something to do. Returns how much it did.
  int descriptor() const { return epoll_.get(); }
  std::uint32_t service();

 private:
  Listener(std::string path, BoundSocket socket);
  bool greet(FileDescriptor peer);
  void read_init(std::size_t pending);
  void hand_over(FileDescriptor peer, const Message& message);

  const std::string path_;
  BoundSocket socket_;
  FileDescriptor epoll_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Mailbox>> mailboxes_;
  std::vector<FileDescriptor> pending_;  // greeted, INIT not read; the oldest first
};

}  // namespace ringroad::memif
