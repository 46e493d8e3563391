#include "services/vmd/core/names.h"

#include <algorithm>
#include <array>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace banger::vmd {
namespace {

constexpr std::array kAdjectives = {
    "agile",  "amber",  "bold",   "brave",  "bright", "brisk",  "calm",   "clever", "cosmic", "crisp",
    "daring", "deft",   "eager",  "early",  "fair",   "fleet",  "fresh",  "gentle", "glad",   "golden",
    "grand",  "happy",  "hardy",  "honest", "humble", "jolly",  "keen",   "kind",   "lively", "loyal",
    "lucky",  "mellow", "mighty", "neat",   "nimble", "noble",  "plucky", "polite", "proud",  "quick",
    "quiet",  "rapid",  "ready",  "rosy",   "sharp",  "silent", "smart",  "solid",  "spry",   "steady",
    "sunny",  "swift",  "tidy",   "true",   "upbeat", "vivid",  "warm",   "wise",   "witty",  "zesty"};

constexpr std::array kNouns = {
    "acorn",  "badger", "beacon",  "bison",  "brook",  "canyon",  "cedar",  "comet",  "coral",   "crane",
    "delta",  "ember",  "falcon",  "fern",   "finch",  "fjord",   "forest", "gecko",  "glacier", "grove",
    "harbor", "hazel",  "heron",   "island", "jaguar", "kestrel", "lagoon", "lark",   "lynx",    "maple",
    "marmot", "meadow", "mesa",    "moose",  "nebula", "oak",     "ocean",  "otter",  "panda",   "pebble",
    "pine",   "plover", "quartz",  "raven",  "reef",   "ridge",   "river",  "robin",  "salmon",  "spruce",
    "stork",  "summit", "thicket", "tiger",  "tundra", "valley",  "walrus", "willow", "wolf",    "wren"};

std::mt19937_64& Random() {
  thread_local std::mt19937_64 engine{(std::uint64_t{std::random_device{}()} << 32) | std::random_device{}()};
  return engine;
}

std::size_t Below(std::size_t bound) {
  return std::uniform_int_distribution<std::size_t>(0, bound - 1)(Random());
}

bool IsLabelCharacter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

}  // namespace

bool IsValidVmName(absl::string_view name) {
  if (name.empty() || name.size() > 63) return false;
  if (name.front() == '-' || name.back() == '-') return false;
  return std::all_of(name.begin(), name.end(), IsLabelCharacter);
}

bool LooksLikeVmUid(absl::string_view name) {
  return name.size() == 12 && std::all_of(name.begin(), name.end(), absl::ascii_isxdigit);
}

std::string GenerateVmName(int attempt) {
  const std::string name =
      absl::StrCat(kAdjectives[Below(kAdjectives.size())], "-", kNouns[Below(kNouns.size())]);
  return attempt == 0 ? name : absl::StrCat(name, "-", 10 + Below(90));
}

std::string GenerateVmUid() {
  return absl::StrCat(absl::Hex(Random()() & ((std::uint64_t{1} << 48) - 1), absl::kZeroPad12));
}

}  // namespace banger::vmd
