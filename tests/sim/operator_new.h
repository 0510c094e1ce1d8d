// A program that links operator_new.cc is told of everything it allocates by operator new: to count
// it, or to forbid it for a while. For simulators and measurements; a program that does not ask
// pays one test of a pointer.
#pragma once

namespace ringroad::sim {

// Called before each allocation, in the thread that makes it; must not allocate itself unless it
// knows how to stop. To be set before other threads are started.
void on_operator_new(void (*hook)());

}  // namespace ringroad::sim
