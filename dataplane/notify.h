// What a service tells the manager that started it (sd_notify(3)): that it is ready, how it is,
// that it is still alive, that it ends. Without a manager that listens (NOTIFY_SOCKET is not set)
// every call does nothing. One thread at a time; each call is one datagram.
//
// A ping is a promise about the service's loop, not about the thread that sends it: the caller asks
// the loop first, and leaves the ping out when it gets no answer.
#pragma once

#include <optional>
#include <string>

#include "dataplane/base/ids.h"

namespace ringroad {

class ServiceNotifier {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  ServiceNotifier();

  // Somebody listens.
  bool is_heard() const { return heard_; }
  // How often to ping: a quarter of the time after which the manager takes the service for hung.
  // None: no ping is wanted.
  std::optional<Nanos> ping_interval() const { return ping_interval_; }

  // `status` is one line for people, as systemctl status shows it.
  void ready(const std::string& status);
  void status(const std::string& status);  // told only when it is another one
  void ping();
  void stopping();

 private:
  void send(const std::string& message);

  bool heard_ = false;
  std::optional<Nanos> ping_interval_;
  std::string told_;  // the last status
};

}  // namespace ringroad
