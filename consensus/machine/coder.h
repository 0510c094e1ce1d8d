// One description of a layout, three uses. A layout is a function template that names its fields in
// their order, little-endian, to a coder: Counter adds up how many bytes they take, Writer writes
// them, Reader reads them from bytes that nobody vouches for. So a field cannot be written in one
// place and forgotten in another.
//
// A reader never reads beyond its input and never allocates: byte strings it hands out point into
// the input. What it meets first decides what is wrong(); after that all fields read as nothing.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstring>

#include "consensus/machine/ids.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/check.h"

namespace ringroad::machine {

class Counter {
 public:
  static constexpr bool kReads = false;
  template <std::unsigned_integral T>
  void number(const T&) {
    bytes_ += sizeof(T);
  }
  void zeros(std::size_t count) { bytes_ += count; }
  template <std::unsigned_integral T>
  void size(Bytes, std::size_t) {
    bytes_ += sizeof(T);
  }
  void bytes(Bytes value) { bytes_ += value.size(); }

  std::size_t counted() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

class Writer {
 public:
  static constexpr bool kReads = false;
  // Invariant: there is room for all that is written.
  explicit Writer(std::span<std::byte> to) : to_(to) {}

  template <std::unsigned_integral T>
  void number(const T& value) {
    store_le(take(sizeof(T)), value);
  }
  void zeros(std::size_t count) { std::fill_n(take(count), count, std::byte{}); }
  template <std::unsigned_integral T>
  void size(Bytes value, std::size_t bytes_max) {
    RR_CHECK(value.size() <= bytes_max);
    number(static_cast<T>(value.size()));
  }
  void bytes(Bytes value) {
    std::byte* at = take(value.size());
    if (!value.empty()) std::memcpy(at, value.data(), value.size());
  }

 private:
  std::byte* take(std::size_t count) {
    RR_CHECK(count <= to_.size());
    std::byte* at = to_.data();
    to_ = to_.subspan(count);
    return at;
  }

  std::span<std::byte> to_;
};

enum class Wrong : std::uint8_t {
  kNothing,
  kShort,     // the input ends too early; more of it could make it right
  kInvalid,   // nothing that is written looks like this
  kTooLarge,  // a byte string longer than allowed
};

class Reader {
 public:
  static constexpr bool kReads = true;
  explicit Reader(Bytes from) : from_(from) {}

  template <std::unsigned_integral T>
  void number(T& value) {
    const Bytes taken = take(sizeof(T));
    value = taken.empty() ? T{} : load_le<T>(taken.data());
  }
  void zeros(std::size_t count) {
    for (const std::byte b : take(count)) require(b == std::byte{});
  }
  // Byte strings follow in the order of their sizes.
  template <std::unsigned_integral T>
  void size(Bytes&, std::size_t bytes_max) {
    T value{};
    number(value);
    if (value > bytes_max) fail(Wrong::kTooLarge);
    RR_CHECK(sizes_ < size_.size());
    size_[sizes_++] = wrong_ == Wrong::kNothing ? value : 0;
  }
  void bytes(Bytes& value) {
    RR_CHECK(taken_ < sizes_);
    value = take(size_[taken_++]);
  }
  // What must hold of the fields that were read.
  void require(bool condition) {
    if (!condition) fail(Wrong::kInvalid);
  }

  Wrong wrong() const { return wrong_; }
  Bytes rest() const { return from_; }

 private:
  void fail(Wrong wrong) {
    if (wrong_ == Wrong::kNothing) wrong_ = wrong;
  }
  Bytes take(std::size_t count) {
    if (count > from_.size()) fail(Wrong::kShort);
    if (wrong_ != Wrong::kNothing) return {};
    const Bytes taken = from_.first(count);
    from_ = from_.subspan(count);
    return taken;
  }

  Bytes from_;
  Wrong wrong_ = Wrong::kNothing;
  std::array<std::size_t, 4> size_{};
  std::size_t sizes_ = 0, taken_ = 0;
};

// Fields that are numbers at heart.
template <typename C, typename Id>
void code_id(C& c, Id& id) {
  c.number(id.value);
}
// An enumerator below `count`.
template <typename C, typename E>
void code_enum(C& c, E& e, std::size_t count) {
  auto value = static_cast<std::uint8_t>(e);
  c.number(value);
  if constexpr (C::kReads) {
    c.require(value < count);
    e = static_cast<E>(value < count ? value : 0);
  }
}
// A point on the clock, or a distance along it.
template <typename C, typename N>
void code_nanos(C& c, N& nanos) {
  auto value = static_cast<std::uint64_t>(nanos.count);
  c.number(value);
  if constexpr (C::kReads) nanos = Nanos{static_cast<std::int64_t>(value)};
}
template <typename C, typename B>
void code_flag(C& c, B& flag) {
  auto value = static_cast<std::uint8_t>(flag ? 1 : 0);
  c.number(value);
  if constexpr (C::kReads) {
    c.require(value <= 1);
    flag = value == 1;
  }
}

}  // namespace ringroad::machine
