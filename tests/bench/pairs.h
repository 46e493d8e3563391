#pragma once

#include <string>
#include <vector>

namespace banger::bench {

// Two things that were measured in turns.
class Pairs {
 public:
  void Add(double ours, double baseline);
  // RESULT name ours baseline ratio unit, with the medians, and a line with the
  // spread.
  void Print(const std::string& name, const std::string& unit = "s") const;

 private:
  std::vector<double> ours_;
  std::vector<double> baseline_;
  std::vector<double> ratios_;
};

}  // namespace banger::bench
