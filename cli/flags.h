// What a command takes on its command line, as plain data: the parser, the help
// and the completion all read the same list.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace banger::cli {

// Live names that complete a value. kVmPaths: a VM with a colon, or a file here.
enum class Names { kNone, kVms, kVmPaths, kImages, kKernels, kCatalogImages, kCatalogKernels, kContexts };

struct Flag {
  // "-w,--workdir"; of an argument: "VM".
  std::string names;
  // What stands for the value in the help: "DIR". Empty: a switch.
  std::string value;
  std::string help;
  // Called for each value, for a switch with "".
  std::function<absl::Status(const std::string&)> set;
  bool repeated = false;
  bool required = false;
  Names complete = Names::kNone;
  // Not empty: nothing else is accepted.
  std::vector<std::string> choices;
};

// Targets must outlive the Flags.
class Flags {
 public:
  Flag& Switch(const std::string& names, bool& target, const std::string& help);
  Flag& Text(const std::string& names, const std::string& value, std::string& target,
             const std::string& help);
  // May be given more than once.
  Flag& List(const std::string& names, const std::string& value, std::vector<std::string>& target,
             const std::string& help);
  // At least `minimum`.
  Flag& Number(const std::string& names, std::optional<std::int32_t>& target, std::int32_t minimum,
               const std::string& help);
  // "8G", in bytes; more than zero.
  Flag& Size(const std::string& names, std::optional<std::int64_t>& target, const std::string& help);
  // "30" (seconds), "30s", "2m"; not negative.
  Flag& Duration(const std::string& names, std::optional<absl::Duration>& target, const std::string& help);
  Flag& Choice(const std::string& names, const std::string& value, std::string& target,
               const std::vector<std::string>& choices, const std::string& help);

  Flag& Argument(const std::string& name, std::string& target, const std::string& help);
  // One or more; the last argument of a command.
  Flag& Arguments(const std::string& name, std::vector<std::string>& target, const std::string& help);
  // All that follows "--", untouched.
  void Rest(const std::string& name, std::vector<std::string>& target, const std::string& help);

  const std::vector<Flag>& flags() const { return flags_; }
  const std::vector<Flag>& arguments() const { return arguments_; }
  const std::optional<Flag>& rest() const { return rest_; }

 private:
  Flag& Add(Flag flag);

  std::vector<Flag> flags_;
  std::vector<Flag> arguments_;
  std::optional<Flag> rest_;
};

}  // namespace banger::cli
