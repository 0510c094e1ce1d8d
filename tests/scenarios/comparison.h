// Whether a scenario went as its file says: in one of three ways.
//
//   kAll       every output is the text expected
//   kMessages  messages and hard states come in the order expected, and what status, raft-log,
//              raft-state and compact print is what is expected; log lines and wording are ignored
//   kOutcome   only those prints, and after each stabilize the state of every node as its batches
//              told it: term, vote, commit, leader, role, log, applied entries. Holds for any
//              correct implementation: how it got there is its own business
//
// One Comparison goes through one file, in order. Of messages, from, to, type, terms, indexes,
// commit, vote, entries, rejection, hint, snapshot and responses are compared; but whether answers
// carry a commit index differs between versions of the format, and is not.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "datadriven.h"
#include "observed.h"

namespace ringroad::scenarios {

enum class CompareMode { kAll, kMessages, kOutcome };
std::optional<CompareMode> compare_mode(absl::string_view name);

class Comparison {
 public:
  explicit Comparison(CompareMode mode) : mode_(mode) {}

  // Nothing if `actual`, closed, is as `c` expects; else what differs, some lines of text.
  std::optional<std::string> difference(const Case& c, absl::string_view actual);

 private:
  CompareMode mode_;
  Observer expected_, actual_;
};

// The first line that differs, with a little of what stands before it.
std::string text_difference(absl::string_view expected, absl::string_view actual);

}  // namespace ringroad::scenarios
