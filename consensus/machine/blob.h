// Bytes that several parts of the state hold at once: a value stands in the registry, in the event
// that set it, and in a snapshot on its way out, and is copied into memory once. It never changes
// and goes when the last of them lets go of it. One allocation a blob.
//
// References are counted without atomics: all holders belong to one thread.
#pragma once

#include <algorithm>
#include <compare>
#include <cstring>
#include <new>
#include <utility>

#include "consensus/machine/ids.h"

namespace ringroad::machine {

class Blob {
 public:
  Blob() = default;
  explicit Blob(Bytes bytes) : head_(allocate(bytes.size())) {
    if (!bytes.empty()) std::memcpy(head_ + 1, bytes.data(), bytes.size());
  }
  Blob(const Blob& other) : head_(other.head_) {
    if (head_ != nullptr) ++head_->references;
  }
  Blob(Blob&& other) noexcept : head_(std::exchange(other.head_, nullptr)) {}
  Blob& operator=(Blob other) noexcept {
    std::swap(head_, other.head_);
    return *this;
  }
  ~Blob() {
    if (head_ != nullptr && --head_->references == 0) ::operator delete(head_);
  }

  Bytes bytes() const {
    if (head_ == nullptr) return {};
    return {reinterpret_cast<const std::byte*>(head_ + 1), head_->size_bytes};
  }
  std::size_t size() const { return head_ == nullptr ? 0 : head_->size_bytes; }

 private:
  struct Head {
    std::uint32_t references = 1;
    std::uint32_t size_bytes = 0;
  };

  static Head* allocate(std::size_t bytes) {
    return new (::operator new(sizeof(Head) + bytes))
        Head{.size_bytes = static_cast<std::uint32_t>(bytes)};
  }

  Head* head_ = nullptr;
};

// Bytes as unsigned numbers, a prefix before what it begins.
inline std::strong_ordering compare_bytes(Bytes a, Bytes b) {
  const std::size_t common = std::min(a.size(), b.size());
  const int order = common == 0 ? 0 : std::memcmp(a.data(), b.data(), common);
  return order != 0 ? order <=> 0 : a.size() <=> b.size();
}
inline bool same_bytes(Bytes a, Bytes b) { return compare_bytes(a, b) == 0; }

// Order of keys, for blobs and bytes alike.
struct KeyLess {
  using is_transparent = void;
  static Bytes bytes_of(const Blob& b) { return b.bytes(); }
  static Bytes bytes_of(Bytes b) { return b; }
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return compare_bytes(bytes_of(a), bytes_of(b)) < 0;
  }
};

}  // namespace ringroad::machine
