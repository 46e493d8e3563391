#include "services/netd/adapters/confinement.h"

#include <sys/stat.h>

#include "common/status/status_macros.h"
#include "services/netd/adapters/privileges.h"
#include "services/netd/adapters/system_calls.h"

namespace banger::netd {
namespace {

using Right = FileAccess::Right;

// The sanitizers' reports read of the process itself.
void AddForSanitizers([[maybe_unused]] std::vector<FileAccess>& files) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  files.push_back({"/proc", Right::kRead});
#endif
}

absl::StatusOr<bool> Confine(Keep keep, std::vector<FileAccess> files, Role role) {
  AddForSanitizers(files);
  BANGER_RETURN_IF_ERROR(DropPrivileges(keep));
  BANGER_ASSIGN_OR_RETURN(const bool has_landlock, AllowOnlyFiles(files));
  BANGER_RETURN_IF_ERROR(AllowOnlySystemCalls(role));
  return has_landlock;
}

}  // namespace

std::vector<FileAccess> FilesOfDaemon(const std::filesystem::path& directory) {
  return {{directory, Right::kOwn},
          {"/dev/net/tun", Right::kReadWrite},
          {"/dev/null", Right::kReadWrite},
          {"/dev/urandom", Right::kRead},
          {"/proc/sys/net", Right::kReadWrite},
          {"/sys/devices/system/cpu", Right::kRead},
          {"/etc/localtime", Right::kRead},
          {"/etc/ssl/openssl.cnf", Right::kRead}};
}

std::vector<FileAccess> FilesOfNft(const std::filesystem::path& program) {
  return {{program, Right::kExecute},
          // The dynamic loader, on the architectures that we build for.
          {"/lib64/ld-linux-x86-64.so.2", Right::kExecute},
          {"/lib/ld-linux-aarch64.so.1", Right::kExecute},
          {"/usr", Right::kRead},
          {"/lib", Right::kRead},
          {"/lib64", Right::kRead},
          {"/etc/ld.so.cache", Right::kRead},
          {"/etc/iproute2", Right::kRead},  // names of groups and realms
          {"/dev/null", Right::kReadWrite}};
}

// Other tools replace the file, and what it may be a link to.
std::vector<FileAccess> FilesOfReader(const std::filesystem::path& file) {
  return {{file.parent_path(), Right::kRead}, {"/run", Right::kRead}};
}

absl::StatusOr<bool> ConfineDaemon(const std::filesystem::path& directory) {
  // What is made has the mode that it is made with, as none can be changed by
  // name any more.
  ::umask(0);
  return Confine(Keep::kNetAdmin, FilesOfDaemon(directory), Role::kDaemon);
}

absl::Status ConfineNft(const std::filesystem::path& program) {
  return Confine(Keep::kNetAdminAlsoForPrograms, FilesOfNft(program), Role::kNft).status();
}

absl::Status ConfineReader(const std::filesystem::path& file) {
  return Confine(Keep::kNothing, FilesOfReader(file), Role::kReader).status();
}

}  // namespace banger::netd
