#include "services/netd/adapters/ipv6_prefix.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

constexpr std::size_t kIdDigits = 32;

// The 128 bits of a machine id in hex. Empty when there are none yet: no file, an
// empty one, or "uninitialized".
std::string ReadId(const std::filesystem::path& file) {
  const absl::StatusOr<std::string> text = ReadFile(file, 4096);
  if (!text.ok()) return "";
  const std::string id(absl::StripAsciiWhitespace(*text));
  const bool is_id = id.size() == kIdDigits && std::all_of(id.begin(), id.end(), [](unsigned char c) {
                       return absl::ascii_isxdigit(c);
                     });
  return is_id ? id : "";
}

absl::StatusOr<std::string> MakeId(const std::filesystem::path& file) {
  char bytes[kIdDigits / 2];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return ErrnoError(errno, "get random bytes");
  const std::string id = absl::BytesToHexString({bytes, sizeof bytes});
  BANGER_RETURN_IF_ERROR(WriteFileAtomically(file, id));
  return id;
}

}  // namespace

absl::StatusOr<Prefix> ChooseIpv6Prefix(const std::string& bridge, const std::filesystem::path& machine_id,
                                        const std::filesystem::path& seed) {
  std::string id = ReadId(machine_id);
  if (id.empty()) id = ReadId(seed);
  if (id.empty()) {
    BANGER_ASSIGN_OR_RETURN(id, MakeId(seed));
  }
  // "fd", the 40 bits of the global id, and 0 for the subnet's.
  const std::string hash = Sha256Hex(absl::StrCat("banger ipv6 prefix\n", id, "\n", bridge));
  return Prefix::Parse(
      absl::StrCat("fd", hash.substr(0, 2), ":", hash.substr(2, 4), ":", hash.substr(6, 4), "::/64"));
}

}  // namespace banger::netd
