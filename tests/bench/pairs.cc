#include "tests/bench/pairs.h"

#include <algorithm>
#include <cstdio>

namespace banger::bench {
namespace {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

void Pairs::Add(double ours, double baseline) {
  ours_.push_back(ours);
  baseline_.push_back(baseline);
  ratios_.push_back(ours / baseline);
}

void Pairs::Print(const std::string& name, const std::string& unit) const {
  if (ratios_.empty()) return;
  std::printf("RESULT %s %.3f %.3f %.3f %s\n", name.c_str(), Median(ours_), Median(baseline_),
              Median(ratios_), unit.c_str());
  const auto [least, most] = std::minmax_element(ratios_.begin(), ratios_.end());
  std::printf("# %s: %zu pairs, ratio from %.3f to %.3f\n", name.c_str(), ratios_.size(), *least, *most);
}

}  // namespace banger::bench
