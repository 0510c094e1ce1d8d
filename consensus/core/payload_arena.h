// Memory for the payloads of log entries. A payload is copied in once, stays where it is, and is
// let go of when the last reference to its chunk is: the log holds one for each entry, and the
// driver may hold more, so that a payload can be sent or written straight from here while the log
// has already moved on.
//
// Small payloads share chunks of 256 KiB, filled from front to back; a freed chunk is kept for the
// next one, and the one being filled begins anew as soon as nothing in it is referenced, so that a
// log that is compacted often stays within the cache. Chunks are aligned to their size, so that a
// payload's address names its chunk. A larger payload has one to itself, returned at once. Owned by
// one Log; references are not atomic and are taken and dropped only by the thread that drives it,
// all before the arena is destroyed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include "dataplane/base/check.h"

namespace ringroad::raft {

class PayloadArena {
 public:
  static constexpr std::size_t kChunkBytes = 256 * 1024;

  PayloadArena() = default;
  PayloadArena(const PayloadArena&) = delete;
  PayloadArena& operator=(const PayloadArena&) = delete;
  ~PayloadArena() {
    if (current_ != nullptr) drop(std::exchange(current_, nullptr));
    while (free_ != nullptr) {
      Chunk* chunk = free_;
      free_ = chunk->next_free;
      std::free(chunk);
    }
  }

  // Holds one reference to what it returns; nullptr for no bytes.
  const std::byte* copy(std::span<const std::byte> payload) { return copy_run(payload, 1); }
  // Several payloads that stand side by side, in one go; a reference for each.
  const std::byte* copy_run(std::span<const std::byte> payloads, std::uint32_t references) {
    if (payloads.empty()) return nullptr;
    std::byte* place = room_for(payloads.size());
    std::memcpy(place, payloads.data(), payloads.size());
    chunk_of(place)->references += references - 1;
    return place;
  }
  // A run of more bytes does not share the chunk that is being filled.
  std::size_t run_bytes_max() const {
    const std::size_t left = current_ == nullptr ? 0 : kChunkBytes - current_->used_bytes;
    return left > 0 ? left : kChunkBytes - kHeaderBytes;
  }

  void reference(const std::byte* payload) {
    if (payload != nullptr) ++chunk_of(payload)->references;
  }
  void release(const std::byte* payload) {
    if (payload != nullptr) drop(chunk_of(payload));
  }

  // Chunks taken from the system since construction; constant in the steady state.
  std::uint64_t allocations() const { return allocations_; }

 private:
  struct Chunk {
    std::uint32_t references = 0;
    std::uint32_t used_bytes = 0;
    bool is_shared = false;
    Chunk* next_free = nullptr;
  };
  static constexpr std::size_t kHeaderBytes = 64;
  static_assert(sizeof(Chunk) <= kHeaderBytes);

  static Chunk* chunk_of(const std::byte* payload) {
    const auto address = reinterpret_cast<std::uintptr_t>(payload);
    return reinterpret_cast<Chunk*>(address & ~(kChunkBytes - 1));
  }

  std::byte* room_for(std::size_t bytes) {
    if (bytes > kChunkBytes - kHeaderBytes) {
      Chunk* own = allocate(kHeaderBytes + bytes);
      own->references = 1;
      return reinterpret_cast<std::byte*>(own) + kHeaderBytes;
    }
    if (current_ == nullptr || current_->used_bytes + bytes > kChunkBytes) {
      if (current_ != nullptr) drop(std::exchange(current_, nullptr));
      current_ = take_chunk();
    }
    std::byte* place = reinterpret_cast<std::byte*>(current_) + current_->used_bytes;
    current_->used_bytes += static_cast<std::uint32_t>(bytes);
    ++current_->references;
    return place;
  }

  // With the arena's own reference.
  Chunk* take_chunk() {
    Chunk* chunk = free_;
    if (chunk != nullptr) {
      free_ = chunk->next_free;
    } else {
      chunk = allocate(kChunkBytes);
    }
    *chunk = Chunk{.references = 1, .used_bytes = kHeaderBytes, .is_shared = true};
    return chunk;
  }

  Chunk* allocate(std::size_t bytes) {
    const std::size_t rounded = (bytes + kChunkBytes - 1) / kChunkBytes * kChunkBytes;
    void* memory = std::aligned_alloc(kChunkBytes, rounded);
    if (memory == nullptr) throw std::bad_alloc();
    ++allocations_;
    return new (memory) Chunk;
  }

  void drop(Chunk* chunk) {
    RR_CHECK(chunk->references > 0);
    if (--chunk->references > 0) {
      if (chunk == current_ && chunk->references == 1) chunk->used_bytes = kHeaderBytes;
      return;
    }
    if (!chunk->is_shared) {
      std::free(chunk);
      return;
    }
    chunk->next_free = free_;
    free_ = chunk;
  }

  Chunk* current_ = nullptr;
  Chunk* free_ = nullptr;
  std::uint64_t allocations_ = 0;
};

}  // namespace ringroad::raft
