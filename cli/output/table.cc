#include "cli/output/table.h"

#include <algorithm>
#include <utility>

#include "cli/output/text.h"

namespace banger::cli {

Table::Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void Table::AddRow(const std::vector<std::string>& cells) {
  std::vector<std::string> row;
  for (const std::string& cell : cells) row.push_back(cell.empty() ? "-" : OneLine(cell));
  rows_.push_back(std::move(row));
}

std::string Table::Render() const {
  constexpr std::size_t kGap = 3;
  std::vector<std::size_t> widths(rows_[0].size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  std::string text;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - DisplayWidth(row[i]) + kGap, ' ');
    }
    text += '\n';
  }
  return text;
}

}  // namespace banger::cli
