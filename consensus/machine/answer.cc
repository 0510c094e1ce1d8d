#include "consensus/machine/answer.h"

namespace ringroad::machine {

namespace {

constexpr std::uint8_t kAnswerVersion = 1;
enum AnswerFlag : std::uint8_t { kRepeated = 1, kMore = 2 };

struct Header {
  std::uint8_t version = kAnswerVersion;
  std::uint8_t kind = 0;
  Status status = Status::kOk;
  std::uint8_t flags = 0;
  std::uint32_t count = 0;
  std::uint64_t revision = 0, value = 0, next = 0;
  std::uint32_t skip = 0;
};

template <typename C, typename H>
void code_header(C& c, H& h) {
  c.number(h.version);
  c.number(h.kind);
  code_enum(c, h.status, kStatuses);
  c.number(h.flags);
  c.number(h.count);
  c.number(h.revision);
  c.number(h.value);
  c.number(h.next);
  c.number(h.skip);
  c.zeros(4);
}

}  // namespace

AnswerWriter::AnswerWriter(std::span<std::byte> to) : to_(to) {
  RR_CHECK(to.size() >= kAnswerHeaderBytes);
}

template <typename T>
bool AnswerWriter::add_item(const T& item) {
  Counter counter;
  code(counter, item);
  const std::size_t bytes = counter.counted();
  if (bytes > to_.size() - used_) {
    bytes_wanted_ = used_ + bytes;
    return false;
  }
  Writer writer(to_.subspan(used_, bytes));
  code(writer, item);
  used_ += bytes;
  ++items_;
  return true;
}
template bool AnswerWriter::add_item(const KeyItem&);
template bool AnswerWriter::add_item(const EventItem&);
template bool AnswerWriter::add_item(const LogItem&);

std::size_t AnswerWriter::finish(Kind kind, const Answer& answer, Next next) {
  const Header header{.kind = static_cast<std::uint8_t>(kind),
                      .status = answer.status,
                      .flags = static_cast<std::uint8_t>((answer.repeated ? kRepeated : 0) |
                                                         (answer.more ? kMore : 0)),
                      .count = items_ > 0 ? items_ : answer.count,
                      .revision = answer.revision.value,
                      .value = answer.value,
                      .next = next.number,
                      .skip = next.skip};
  Writer writer(to_.first(kAnswerHeaderBytes));
  code_header(writer, header);
  return used_;
}

AnswerReader::AnswerReader(Bytes bytes) {
  Reader reader(bytes);
  Header header;
  code_header(reader, header);
  is_good_ = reader.wrong() == Wrong::kNothing && header.version == kAnswerVersion;
  if (!is_good_) return;
  rest_ = reader.rest();
  kind_ = static_cast<Kind>(header.kind);
  answer_ = {.status = header.status,
             .repeated = (header.flags & kRepeated) != 0,
             .more = (header.flags & kMore) != 0,
             .count = header.count,
             .revision = Revision{header.revision},
             .value = header.value};
  next_ = {header.next, header.skip};
}

template <typename T>
bool AnswerReader::take_item(T& item) {
  Reader reader(rest_);
  code(reader, item);
  if (reader.wrong() != Wrong::kNothing) return false;
  rest_ = reader.rest();
  return true;
}
template bool AnswerReader::take_item(KeyItem&);
template bool AnswerReader::take_item(EventItem&);
template bool AnswerReader::take_item(LogItem&);

}  // namespace ringroad::machine
