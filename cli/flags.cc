#include "cli/flags.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

std::function<absl::Status(const std::string&)> Assign(std::string& target) {
  return [&target](const std::string& value) {
    target = value;
    return absl::OkStatus();
  };
}

std::function<absl::Status(const std::string&)> Append(std::vector<std::string>& target) {
  return [&target](const std::string& value) {
    target.push_back(value);
    return absl::OkStatus();
  };
}

absl::StatusOr<absl::Duration> ParseTimeout(const std::string& text) {
  std::int32_t seconds = 0;
  absl::Duration duration;
  if (absl::SimpleAtoi(text, &seconds)) {
    duration = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &duration)) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not a time such as 30, 30s or 2m"));
  }
  if (duration < absl::ZeroDuration() || duration > absl::Hours(24 * 365))
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not between 0 and a year"));
  return duration;
}

}  // namespace

Flag& Flags::Add(Flag flag) {
  flags_.push_back(std::move(flag));
  return flags_.back();
}

Flag& Flags::Switch(const std::string& names, bool& target, const std::string& help) {
  return Add({.names = names, .help = help, .set = [&target](const std::string&) {
                target = true;
                return absl::OkStatus();
              }});
}

Flag& Flags::Text(const std::string& names, const std::string& value, std::string& target,
                  const std::string& help) {
  return Add({.names = names, .value = value, .help = help, .set = Assign(target)});
}

Flag& Flags::List(const std::string& names, const std::string& value, std::vector<std::string>& target,
                  const std::string& help) {
  return Add({.names = names, .value = value, .help = help, .set = Append(target), .repeated = true});
}

Flag& Flags::Number(const std::string& names, std::optional<std::int32_t>& target, std::int32_t minimum,
                    const std::string& help) {
  return Add({.names = names, .value = "N", .help = help, .set = [&target, minimum](const std::string& text) {
                std::int32_t number = 0;
                if (!absl::SimpleAtoi(text, &number) || number < minimum)
                  return absl::InvalidArgumentError(
                      absl::StrCat("'", text, "' is not a whole number of at least ", minimum));
                target = number;
                return absl::OkStatus();
              }});
}

Flag& Flags::Size(const std::string& names, std::optional<std::int64_t>& target, const std::string& help) {
  return Add({.names = names, .value = "SIZE", .help = help, .set = [&target](const std::string& text) {
                BANGER_ASSIGN_OR_RETURN(const std::int64_t size, ParseSize(text));
                if (size <= 0)
                  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not more than 0"));
                target = size;
                return absl::OkStatus();
              }});
}

Flag& Flags::Duration(const std::string& names, std::optional<absl::Duration>& target,
                      const std::string& help) {
  return Add({.names = names, .value = "TIME", .help = help, .set = [&target](const std::string& text) {
                BANGER_ASSIGN_OR_RETURN(target, ParseTimeout(text));
                return absl::OkStatus();
              }});
}

Flag& Flags::Choice(const std::string& names, const std::string& value, std::string& target,
                    const std::vector<std::string>& choices, const std::string& help) {
  return Add({.names = names, .value = value, .help = help, .set = Assign(target), .choices = choices});
}

Flag& Flags::Argument(const std::string& name, std::string& target, const std::string& help) {
  arguments_.push_back({.names = name, .value = name, .help = help, .set = Assign(target), .required = true});
  return arguments_.back();
}

Flag& Flags::Arguments(const std::string& name, std::vector<std::string>& target, const std::string& help) {
  arguments_.push_back({.names = name,
                        .value = name,
                        .help = help,
                        .set = Append(target),
                        .repeated = true,
                        .required = true});
  return arguments_.back();
}

void Flags::Rest(const std::string& name, std::vector<std::string>& target, const std::string& help) {
  rest_ = Flag{.names = name, .value = name, .help = help, .set = Append(target), .repeated = true};
}

}  // namespace banger::cli
