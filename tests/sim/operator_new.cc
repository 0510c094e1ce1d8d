#include "tests/sim/operator_new.h"

#include <cstdlib>
#include <new>

namespace {

void (*hook)() = nullptr;

void* allocate(std::size_t size) {
  if (hook != nullptr) hook();
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void ringroad::sim::on_operator_new(void (*told)()) { hook = told; }

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
