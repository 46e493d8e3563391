#include "tests/bench/vm_timing.h"

#include <algorithm>
#include <cstdio>

#include "common/status/status_macros.h"

namespace banger::e2e {
namespace {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

absl::StatusOr<std::string> Run(const Instance& instance, std::vector<std::string> arguments) {
  const CommandResult result = instance.Banger(std::move(arguments));
  if (!result.status.success()) return absl::InternalError(result.err);
  return result.out;
}

absl::StatusOr<double> TimeCreate(const Instance& instance, const std::string& image) {
  const Clock::time_point start = Clock::now();
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "create", "--name", "timed", "--image", image}).status());
  const double seconds = Seconds(Clock::now() - start);
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "delete", "--force", "timed"}).status());
  return seconds;
}

void Pairs::Add(double ours, double baseline) {
  ours_.push_back(ours);
  baseline_.push_back(baseline);
  ratios_.push_back(ours / baseline);
}

void Pairs::Print(const std::string& name) const {
  if (ratios_.empty()) return;
  std::printf("RESULT %s %.3f %.3f %.3f s\n", name.c_str(), Median(ours_), Median(baseline_),
              Median(ratios_));
  const auto [least, most] = std::minmax_element(ratios_.begin(), ratios_.end());
  std::printf("# %s: %zu pairs, ratio from %.3f to %.3f\n", name.c_str(), ratios_.size(), *least, *most);
}

}  // namespace banger::e2e
