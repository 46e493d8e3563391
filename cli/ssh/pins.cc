#include "cli/ssh/pins.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/output/streams.h"
#include "cli/remote/contexts.h"
#include "common/config/paths.h"
#include "common/os/file.h"
#include "common/os/file_lock.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

absl::StatusOr<fs::path> KnownHosts() {
  BANGER_ASSIGN_OR_RETURN(const fs::path client, FindClientDir());
  return client / "ssh" / KnownHostsName();
}

absl::Status Forget(const std::string& vm) {
  BANGER_ASSIGN_OR_RETURN(const fs::path file, KnownHosts());
  BANGER_ASSIGN_OR_RETURN(const FileLock lock, FileLock::AcquireSoon(file.string() + ".lock"));
  BANGER_ASSIGN_OR_RETURN(const std::string before, ReadFile(file));
  const std::string after = WithoutHost(before, absl::StrCat(vm, ".vm"));
  return after == before ? absl::OkStatus() : WriteFileAtomically(file, after, 0600);
}

}  // namespace

std::string KnownHostsName() {
  const auto chosen = ChosenContext();
  return chosen.ok() && chosen->has_value() ? KnownHostsName((*chosen)->name) : "known_hosts";
}

std::string KnownHostsName(const std::string& remote_context) {
  return absl::StrCat("known_hosts.", remote_context);
}

void ForgetPinsOf(const std::string& remote_context) {
  const absl::StatusOr<fs::path> client = FindClientDir();
  if (!client.ok()) return;
  const std::string file = *client / "ssh" / KnownHostsName(remote_context);
  std::error_code error;
  // ssh keeps what it had as ".old".
  for (const char* suffix : {"", ".old", ".lock"}) fs::remove(file + suffix, error);
}

bool HasPins() {
  const absl::StatusOr<fs::path> file = KnownHosts();
  std::error_code error;
  return file.ok() && fs::file_size(*file, error) > 0 && !error;
}

void ForgetPin(const std::string& vm) {
  if (!HasPins()) return;
  if (const absl::Status forgotten = Forget(vm); !forgotten.ok())
    Warn(absl::StrCat("the ssh host key of vm '", vm, "' is still known: ", forgotten.message()));
}

std::string WithoutHost(absl::string_view known_hosts, absl::string_view host) {
  const std::string beginning = absl::StrCat(host, " ");
  std::string kept;
  while (!known_hosts.empty()) {
    const std::size_t end = known_hosts.find('\n');
    const absl::string_view line =
        end == absl::string_view::npos ? known_hosts : known_hosts.substr(0, end + 1);
    if (!absl::StartsWith(line, beginning)) absl::StrAppend(&kept, line);
    known_hosts.remove_prefix(line.size());
  }
  return kept;
}

}  // namespace banger::cli
