#pragma once

#include <string>
#include <vector>

namespace banger::cli {

// Columns aligned with three blanks between, as docker prints them; the last
// one is not padded. Cells are made harmless (OneLine), empty ones are "-".
class Table {
 public:
  explicit Table(std::vector<std::string> header);

  // As many cells as the header has.
  void AddRow(const std::vector<std::string>& cells);

  std::string Render() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace banger::cli
