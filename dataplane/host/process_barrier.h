// The two fences of a sleep flag, paid by one side. Whoever publishes must order its store before
// its look at the flag, whoever sleeps its flag before its look at the ring: a full fence each, and
// the publisher's stands in the path of every message. Where the kernel offers membarrier(2), the
// sleeper, who is in no hurry, has the kernel issue a fence on every CPU that runs a registered
// process instead, and a registered publisher needs none of its own.
//
// Without registration on either side both issue fences, as elsewhere (see layout.h).
#pragma once

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringroad::host {

// A full fence on every CPU that runs a process that registered, the caller's included: a system
// call. False when there is no such call; nothing is ordered then.
[[nodiscard]] inline bool fence_everywhere() {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0;
}

// Makes fence_everywhere() of any process count for this one too, and finds out whether it works.
// To be asked by each user: registering again costs a system call and changes nothing.
[[nodiscard]] inline bool register_for_fences() {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0 &&
         fence_everywhere();
}

}  // namespace ringroad::host
