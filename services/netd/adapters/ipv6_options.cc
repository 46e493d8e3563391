#include "services/netd/adapters/ipv6_options.h"

#include <fcntl.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"

namespace banger::netd {
namespace {

std::string FileOf(const std::string& interface, const char* option) {
  return absl::StrCat("/proc/sys/net/ipv6/conf/", interface, "/", option);
}

}  // namespace

absl::StatusOr<bool> Ipv6OptionIs(const std::string& interface, const char* option, char value) {
  const absl::StatusOr<std::string> text = ReadFile(FileOf(interface, option));
  if (absl::IsNotFound(text.status())) return false;
  if (!text.ok()) return text.status();
  return absl::StartsWith(*text, std::string(1, value));
}

absl::Status SetIpv6Option(const std::string& interface, const char* option, char value) {
  const absl::StatusOr<UniqueFd> fd = OpenFile(FileOf(interface, option), O_WRONLY);
  if (!fd.ok()) return fd.status();
  return Annotate(WriteFully(fd->get(), std::string(1, value)),
                  absl::StrCat("set IPv6 ", option, " of '", interface, "'"));
}

}  // namespace banger::netd
