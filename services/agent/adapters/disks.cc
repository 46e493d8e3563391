#include "services/agent/adapters/disks.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

// {serial or "", name} of each virtio disk, sorted by name.
std::vector<std::pair<std::string, std::string>> List(const fs::path& sys) {
  std::vector<std::pair<std::string, std::string>> disks;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(sys, error)) {
    const std::string name = entry.path().filename();
    if (name.rfind("vd", 0) != 0) continue;
    const absl::StatusOr<std::string> serial = ReadFile(entry.path() / "serial", 4096);
    disks.emplace_back(serial.ok() ? std::string(absl::StripAsciiWhitespace(*serial)) : "", name);
  }
  return disks;
}

std::string Find(const std::vector<std::pair<std::string, std::string>>& disks, const std::string& serial,
                 const std::string& place) {
  const bool numbered = std::any_of(disks.begin(), disks.end(),
                                    [](const auto& disk) { return disk.first.rfind("banger-", 0) == 0; });
  for (const auto& [its_serial, name] : disks) {
    if (numbered ? its_serial == serial : name == place) return "/dev/" + name;
  }
  return "";
}

}  // namespace

absl::StatusOr<Disks> FindDisks(const fs::path& sys) {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  for (;;) {
    const auto list = List(sys);
    Disks disks{Find(list, "banger-image", "vdb"), Find(list, "banger-upper", "vdc"),
                Find(list, "banger-work", "vdd")};
    if (!disks.image.empty() && !disks.upper.empty() && !disks.work.empty()) return disks;
    if (std::chrono::steady_clock::now() >= deadline) {
      const std::string missing = disks.image.empty()   ? "banger-image"
                                  : disks.upper.empty() ? "banger-upper"
                                                        : "banger-work";
      return absl::NotFoundError(
          absl::StrCat("disk '", missing, "' did not appear in 10 s; virtio disks here: ", list.size()));
    }
    std::this_thread::sleep_for(2ms);
  }
}

}  // namespace banger::agent
