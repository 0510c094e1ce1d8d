// The commands of the files in quorum/, in the form of the quorum tests of etcd's Raft:
//
//   committed cfg=(1,2,3) cfgj=(2,3,4) idx=(10,_,7,9)
//   committed cfg=(1,2,3) idx=(10,9,7) zones=(1,1,2) lost=(3)
//   vote cfg=(1,2,3) votes=(y,n,_)
//
// `cfg` are the voters, `cfgj` those of the outgoing half, which makes the quorum a joint one
// ("zero": joint with an empty half). `idx` and `votes` belong to the voters in the order in which
// they were named first; "_" is a voter that has said nothing.
//
// Output: for `committed`, how far each voter is, as a bar and a number, and the index committed;
// for `vote`, the result. Each answer is also computed in other ways that must agree: by brute
// force, with the halves exchanged, joint with nothing and with itself, and with lower indexes at
// voters that are behind anyway. What does not agree is printed too.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "command.h"

namespace ringroad::scenarios {

bool is_quorum_command(absl::string_view name);
// Throws BadCommand on what is no command.
std::string run_quorum_command(const Command& command);

}  // namespace ringroad::scenarios
