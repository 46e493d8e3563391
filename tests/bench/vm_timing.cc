#include "tests/bench/vm_timing.h"

#include "common/status/status_macros.h"

namespace banger::e2e {
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

}  // namespace banger::e2e
