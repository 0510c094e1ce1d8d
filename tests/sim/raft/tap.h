// What the programs of this folder say of their checks, as TAP: a line for each as it is known, and
// the plan at the end. Each program's main owns one and hands it to whoever checks something.
#pragma once

#include <cstdio>
#include <string>

namespace ringroad::raft::sim {

class Tap {
 public:
  void tell(bool ok, const std::string& what) {
    failures_ += !ok;
    std::printf("%s %d - %s\n", ok ? "ok" : "not ok", ++number_, what.c_str());
    std::fflush(stdout);
  }
  // The exit status of the program.
  [[nodiscard]] int finish() const {
    std::printf("1..%d\n", number_);
    return failures_ > 0;
  }

 private:
  int number_ = 0, failures_ = 0;
};

}  // namespace ringroad::raft::sim
