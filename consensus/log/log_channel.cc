#include "consensus/log/log_channel.h"

namespace ringroad::raft::durable {

void LogJob::clear() {
  ticket = 0;
  must_sync = true;
  pieces.clear();
  snapshot.reset();
  restores = false;
  hard_state.reset();
  entries.clear();
  configuration.reset();
  release = {};
  readmits = false;
  reading.reset();
  outcome = Outcome::kOk;
}

LogJob* LogChannel::claim() {
  if (claimed_ - polled_ == slots_.size()) return nullptr;
  LogJob& job = slots_[claimed_++ % slots_.size()];
  job.clear();
  return &job;
}

void LogChannel::submit() {
  submitted_.store(claimed_, std::memory_order_seq_cst);
  Waker* waker = waker_.load(std::memory_order_acquire);
  if (waker != nullptr) waker->wake();
}

const LogJob* LogChannel::poll() {
  if (polled_ == completed_.load(std::memory_order_acquire)) return nullptr;
  return &slots_[polled_++ % slots_.size()];
}

}  // namespace ringroad::raft::durable
