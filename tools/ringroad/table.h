// Text in columns for people: fits a width by shortening the columns that may be shortened, and
// colours cells without counting the colours as text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ringroad::cli {

// For whom text is laid out.
struct Look {
  bool has_colour = false;
  bool is_wide = false;      // every column, as broad as they are
  std::size_t columns = 80;  // that lines may have when it is not wide
};

enum class Tone { kPlain, kGood, kWarning, kBad, kStrong };
std::string toned(const Look& look, Tone tone, std::string_view text);

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;

  Cell(std::string what, Tone how = Tone::kPlain) : text(std::move(what)), tone(how) {}
  Cell(const char* what) : text(what) {}
};

struct Column {
  std::string title;
  bool is_right = false;        // numbers
  std::size_t columns_min = 0;  // it may be shortened to; 0: never shortened
  bool is_wide_only = false;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void row(std::vector<Cell> cells);  // as many as there are columns
  bool is_empty() const { return rows_.empty(); }
  // A header line and a line each row, each with a newline.
  std::string text(const Look& look) const;

 private:
  std::vector<std::size_t> widths(const Look& look) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// "label       what is so", broken into lines that line up; for one thing in detail.
std::string fact_line(const Look& look, std::string_view label, std::string_view text);

// Characters, not bytes.
std::size_t width_of(std::string_view text);
// At most `columns` of it; what is cut short ends in "~".
std::string shortened(std::string_view text, std::size_t columns);
// Filled with blanks to `columns`.
std::string padded(std::string_view text, std::size_t columns);
// Broken at blanks into lines of at most `columns`, later ones opening with `indent`.
std::string wrapped(std::string_view text, std::size_t columns, std::string_view indent);

}  // namespace ringroad::cli
