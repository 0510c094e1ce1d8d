// What a coroutine's end means for the loop it ran on: what goes wrong in one, and nobody there
// expected, ends the loop, and the process.
#pragma once

#include <exception>

namespace ringroad::control {

// For asio::co_spawn.
inline void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace ringroad::control
