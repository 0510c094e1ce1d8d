// Whether a scenario went as its file says: in one of three ways.
//
//   kAll       every output is the text expected
//   kOutcome   what status, raft-log, raft-state and compact print is what is expected (and in
//              files of ours core-state and machine), and after each stabilize so is the state of
//              every node, as its batches told it: term, vote, commit, leader, role, log, applied
//              entries. Holds for any correct implementation: how it got there is its own
//              business
//   kMessages  also messages and hard states come in the order expected; lines of a log and
//              wording are ignored
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
  // For commands whose whole output counts: as text, but for what versions of the format disagree
  // on, unless the mode is kAll.
  std::optional<std::string> text_difference(const Case& c, absl::string_view actual) const;

 private:
  CompareMode mode_;
  Observer expected_, actual_;
};

}  // namespace ringroad::scenarios
