// What the control socket understands: one line in, one line of JSON out.
//
//   show ports|faults|macs|capture
//   set DIRECTION WORD=VALUE...|none          faults by fault_words.h
//   partition DIRECTION                       nothing passes that way
//   heal [DIRECTION]                          ends partitions; everywhere by default
//   capture FILE [port N] [packets N] [bytes N]
//   capture stop|off
//   seed N                                    the faults' chances start again from this seed
//   help
//
// Every answer holds "ok"; a refused command changes nothing and says in "error" which word was
// wrong, its value and what was expected.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/base/ids.h"
#include "tools/ringroad-fabric/fabric.h"

namespace ringroad::fabric {

// What stands after `capture` to end one: both are what people type. A file of such a name is
// written ./off.
inline bool ends_capture(std::string_view word) { return word == "stop" || word == "off"; }

// Without the line's end, and the answer without one. `wall_clock_offset` turns `now` into the time
// since 1970.
std::string execute(std::string_view line, Fabric& fabric, Nanos now, Nanos wall_clock_offset);

}  // namespace ringroad::fabric
