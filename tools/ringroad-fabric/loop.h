// Drives the switch: polls it, serves the control socket and the signals, and sleeps when there is
// nothing to do. One thread; the clock is read here, once a turn.
//
// Idle policy. Adaptive spins a little after the last work (dataplane/host/spin.h), then asks every
// port for a wake-up, looks once more (arm() says whether frames came meanwhile) and blocks in
// epoll on ports, control socket and signals until the next delayed frame is due. Polling never
// blocks: for a CPU of its own.
#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "tools/ringroad-fabric/control_server.h"
#include "tools/ringroad-fabric/fabric.h"

namespace ringroad::fabric {

class Loop {
 public:
  // Sleeping takes about this long, wake-up included: a nearer deadline is spun for.
  static constexpr Nanos kSleepMin = microseconds(30);
  // And it never sleeps longer than this, whatever a peer's doorbell does.
  static constexpr Nanos kSleepMax = milliseconds(100);
  // How often a busy loop looks at connections, control socket and signals.
  static constexpr Nanos kServiceInterval = microseconds(200);

  struct Options {
    bool adaptive = true;
    std::optional<Nanos> duration;  // none: until a signal
  };

  // Takes over SIGINT and SIGTERM of the calling thread. Both objects outlive the loop.
  static absl::StatusOr<std::unique_ptr<Loop>> create(Fabric& fabric, ControlServer& control,
                                                      const Options& options);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Until SIGINT, SIGTERM or the duration's end.
  void run();

  // Says on standard error, once, that a capture has ended by itself and why. run() does so as soon
  // as it happens; for what ends after it.
  void tell_capture_failure();

 private:
  Loop(Fabric& fabric, ControlServer& control, const Options& options)
      : fabric_(fabric), control_(control), options_(options) {}
  absl::Status open_descriptors();
  std::uint32_t service(Nanos now);
  bool sleep(Nanos now);

  Fabric& fabric_;
  ControlServer& control_;
  Options options_;
  int epoll_ = -1;
  int signals_ = -1;
  bool stopping_ = false;
  Nanos stop_at_ = kNever;
};

}  // namespace ringroad::fabric
