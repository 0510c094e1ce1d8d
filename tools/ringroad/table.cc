#include "tools/ringroad/table.h"

#include <algorithm>

#include "dataplane/base/check.h"
#include "tools/ringroad-fabric/text.h"

namespace ringroad::cli {
namespace {

constexpr std::string_view kGap = "  ";

bool starts_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }

std::string aligned(const Column& column, const std::string& text, std::size_t width) {
  if (!column.is_right) return padded(text, width);
  const std::size_t used = width_of(text);
  return std::string(width > used ? width - used : 0, ' ') + text;
}

}  // namespace

std::string toned(const Look& look, Tone tone, std::string_view text) {
  if (!look.has_colour || tone == Tone::kPlain) return std::string(text);
  const char* code = tone == Tone::kGood      ? "32"
                     : tone == Tone::kWarning ? "33"
                     : tone == Tone::kBad     ? "31"
                                              : "1";
  return fabric::cat("\x1b[", code, "m", text, "\x1b[0m");
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

std::string shortened(std::string_view text, std::size_t columns) {
  if (width_of(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t end = 0;
  for (std::size_t left = columns; end < text.size(); ++end) {
    if (starts_character(text[end]) && left-- == 1) break;
  }
  return std::string(text.substr(0, end)) + "~";
}

std::string padded(std::string_view text, std::size_t columns) {
  const std::size_t used = width_of(text);
  return std::string(text) + std::string(columns > used ? columns - used : 0, ' ');
}

std::string wrapped(std::string_view text, std::size_t columns, std::string_view indent) {
  std::string lines, line;
  for (const std::string_view word : fabric::split_words(text)) {
    if (!line.empty() && line != indent && width_of(line) + 1 + width_of(word) > columns) {
      lines += line + "\n";
      line = indent;
    } else if (!line.empty() && line != indent) {
      line += ' ';
    }
    line += word;
  }
  return lines + line;
}

std::string fact_line(const Look& look, std::string_view label, std::string_view text) {
  constexpr std::size_t kLabelColumns = 13;
  const std::string body =
      look.is_wide ? std::string(text) : wrapped(text, look.columns - kLabelColumns, "");
  std::string line = padded(label, kLabelColumns);
  for (const char c : body) {
    line += c;
    if (c == '\n') line += std::string(kLabelColumns, ' ');
  }
  return line + "\n";
}

void Table::row(std::vector<Cell> cells) {
  RR_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths(const Look& look) const {
  std::vector<std::size_t> widths;
  std::size_t total = 0;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = 0;
    if (look.is_wide || !columns_[c].is_wide_only) {
      width = width_of(columns_[c].title);
      for (const auto& row : rows_) width = std::max(width, width_of(row[c].text));
      total += width + (total == 0 ? 0 : kGap.size());
    }
    widths.push_back(width);
  }
  // One character at a time from the broadest that may still give.
  while (!look.is_wide && total > look.columns) {
    std::size_t broadest = columns_.size();
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const bool gives = columns_[c].columns_min != 0 && widths[c] > columns_[c].columns_min;
      if (gives && (broadest == columns_.size() || widths[c] > widths[broadest])) broadest = c;
    }
    if (broadest == columns_.size()) break;
    --widths[broadest];
    --total;
  }
  return widths;
}

std::string Table::text(const Look& look) const {
  const auto width = widths(look);
  std::string text;
  const auto append = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (columns_[c].is_wide_only && !look.is_wide) continue;
      const Cell cell = cell_of(c);
      if (c != 0) line += kGap;
      line +=
          toned(look, cell.tone, aligned(columns_[c], shortened(cell.text, width[c]), width[c]));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  append([&](std::size_t c) { return Cell{columns_[c].title, Tone::kStrong}; });
  for (const auto& row : rows_) append([&](std::size_t c) { return row[c]; });
  return text;
}

}  // namespace ringroad::cli
