// Scenario files: text that tells what is done and what is seen, so that a protocol's behaviour can
// be read, reviewed and rewritten. The format is that of github.com/cockroachdb/datadriven, in
// which the test files of etcd's Raft are published:
//
//   # a comment
//   command argument key=value key=(value, value)
//   input, any number of lines
//   ----
//   what the command is expected to print, up to an empty line
//
//   command
//   ----
//   ----
//   what has empty lines
//
//   stands between pairs of fences
//   ----
//   ----
//
// A command goes on in the next line behind a backslash.
//
// This file splits such text and puts new outputs in place of old ones, leaving every other byte as
// it is. It knows no command and runs nothing. Text comes from outside: what it cannot read it
// refuses, naming the line.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "command.h"

namespace ringroad::scenarios {

struct Case {
  Command command;
  std::string expected;  // ends with a newline, unless empty
  std::size_t line = 0;  // of the command, from 1
  // Where the expected output stands in the text: behind the first "----" line, with the fences
  // around it if there are any.
  std::size_t output_begin = 0;
  std::size_t output_end = 0;
};

// "command argument key=value": name and arguments, the rest empty. A blank line has an empty name.
absl::StatusOr<Command> parse_directive(absl::string_view line);

// `name` stands for the file in positions.
absl::StatusOr<std::vector<Case>> parse_scenario(absl::string_view name, absl::string_view text);

// The output as a file holds it: one newline at its end.
std::string closed(std::string output);

// `text` with `outputs[i]` expected of `cases[i]`; both are closed. Where they are what is expected
// already, nothing changes.
std::string with_outputs(absl::string_view text, std::span<const Case> cases,
                         std::span<const std::string> outputs);

}  // namespace ringroad::scenarios
