#include "tests/style/layering.h"

#include <algorithm>
#include <array>
#include <regex>
#include <set>

#include "absl/strings/str_cat.h"

namespace banger::style {
namespace {

// Lowest first: a room of common uses rooms before it.
constexpr std::array kRooms = {"version", "status", "os",   "sync",    "log", "testing",
                               "digest",  "tls",    "json", "config",  "rpc", "ext4",
                               "archive", "tree",   "http", "catalog", "oci", "guestlink"};

// What the core of a service may use of common: nothing that knows the host or
// the wire.
const std::set<std::string> kCoreRooms = {"status", "sync", "log"};

struct Include {
  std::string path;
  bool quoted = false;
};

bool StartsWith(const std::string& text, const std::string& prefix) { return text.starts_with(prefix); }

// "os" for "common/os/file.h", "vmd" for "services/vmd/core/vm.h".
std::string SecondPart(const std::string& path) {
  const std::size_t from = path.find('/') + 1;
  return path.substr(from, path.find('/', from) - from);
}

std::ptrdiff_t RoomNumber(const std::string& path) {
  return std::find(kRooms.begin(), kRooms.end(), SecondPart(path)) - kRooms.begin();
}

bool IsWire(const std::string& include) {
  return StartsWith(include, "grpc") || StartsWith(include, "google/") || StartsWith(include, "banger/");
}

// Of the C library or the kernel, and more than types.
bool IsSystem(const Include& include) {
  return !include.quoted && include.path.ends_with(".h") && include.path != "sys/types.h" &&
         !StartsWith(include.path, "gtest/") && !StartsWith(include.path, "gmock/");
}

std::string FaultInCommon(const SourceFile& file, const Include& include) {
  const std::string& path = include.path;
  if (StartsWith(path, "services/") || StartsWith(path, "cli/") || StartsWith(path, "tests/"))
    return "common knows nothing of its users";
  const std::string room = SecondPart(file.path);
  if (IsWire(path) && room != "rpc") return "only common/rpc knows gRPC and the protos";
  if (!include.quoted || !StartsWith(path, "common/")) return "";
  if (SecondPart(path) == "testing") return file.IsTest() ? "" : "only tests use common/testing";
  if (RoomNumber(path) == static_cast<std::ptrdiff_t>(kRooms.size())) return "tests/style knows no such room";
  return RoomNumber(path) > RoomNumber(file.path) ? "a room uses only lower rooms" : "";
}

std::string FaultInCore(const std::string& service, const Include& include) {
  if (IsWire(include.path)) return "a core knows neither gRPC nor protos";
  if (IsSystem(include)) return "a core makes no system calls";
  if (StartsWith(include.path, "common/") && !kCoreRooms.contains(SecondPart(include.path)))
    return "a core uses only common/status, common/sync and common/log";
  if (StartsWith(include.path, "services/") && include.path != service + "errors.h" &&
      !StartsWith(include.path, service + "core/"))
    return "a core knows nothing around it";
  return "";
}

std::string FaultInService(const SourceFile& file, const Include& include) {
  const std::string service = absl::StrCat("services/", SecondPart(file.path), "/");
  if (StartsWith(include.path, "cli/") || StartsWith(include.path, "tests/"))
    return "a service knows nothing of its users";
  if (StartsWith(include.path, "services/") && !StartsWith(include.path, service))
    return "a service never includes another";
  if (file.IsTest()) return "";
  if (StartsWith(include.path, "common/testing/") || include.path.find("/testing/") != std::string::npos)
    return "only tests use fakes";
  if (StartsWith(file.path, service + "core/")) return FaultInCore(service, include);
  if (StartsWith(file.path, service + "adapters/") && StartsWith(include.path, "services/") &&
      include.path != service + "errors.h" && !StartsWith(include.path, service + "core/") &&
      !StartsWith(include.path, service + "adapters/"))
    return "an adapter knows the core, not the edge";
  return "";
}

std::string FaultInCli(const SourceFile& file, const Include& include) {
  if (StartsWith(include.path, "services/")) return "the CLI knows services by their protos only";
  if (StartsWith(include.path, "tests/")) return "the CLI knows nothing of its tests' helpers";
  if (StartsWith(include.path, "common/testing/") && !file.IsTest()) return "only tests use common/testing";
  return "";
}

std::string Fault(const SourceFile& file, const Include& include) {
  if (include.quoted && include.path.find('/') == std::string::npos && file.IsCpp())
    return "includes are written from the root";
  if (StartsWith(file.path, "common/")) return FaultInCommon(file, include);
  if (StartsWith(file.path, "services/")) return FaultInService(file, include);
  if (StartsWith(file.path, "cli/")) return FaultInCli(file, include);
  return "";
}

}  // namespace

std::vector<std::string> LayeringFaults(const SourceFile& file) {
  static const std::regex pattern(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<std::string> faults;
  if (!file.IsCpp()) return faults;
  int number = 0;
  for (const std::string& line : file.Lines()) {
    ++number;
    std::smatch match;
    if (line.find("include") == std::string::npos || !std::regex_search(line, match, pattern)) continue;
    const std::string fault = Fault(file, {.path = match[2], .quoted = match[1] == "\""});
    if (!fault.empty())
      faults.push_back(absl::StrCat(file.path, ":", number, ": ", match[2].str(), ": ", fault));
  }
  return faults;
}

}  // namespace banger::style
