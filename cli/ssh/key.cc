#include "cli/ssh/key.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/errors.h"
#include "common/config/config.h"
#include "common/config/paths.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

absl::StatusOr<std::string> RunKeygen(std::vector<std::string> arguments) {
  BANGER_ASSIGN_OR_RETURN(const fs::path keygen, FindSshProgram("ssh-keygen"));
  arguments.insert(arguments.begin(), keygen);
  return RunCommandOk({.argv = arguments});
}

absl::Status MakeKey(const fs::path& key) {
  BANGER_RETURN_IF_ERROR(MakeDirectories(key.parent_path()));
  BANGER_ASSIGN_OR_RETURN(const TempDir staging, TempDir::Create(key.parent_path()));
  const fs::path made = staging.path() / "key";
  BANGER_RETURN_IF_ERROR(RunKeygen({"-q", "-t", "ed25519", "-N", "", "-C", "banger", "-f", made}).status());
  if (::link(made.c_str(), key.c_str()) < 0)
    return errno == EEXIST ? absl::OkStatus()
                           : ErrnoError(errno, absl::StrCat("create '", key.string(), "'"));
  return RenameDurably(made.string() + ".pub", key.string() + ".pub");
}

absl::StatusOr<fs::path> KeyPath() {
  BANGER_ASSIGN_OR_RETURN(const Paths paths, FindPaths());
  BANGER_ASSIGN_OR_RETURN(const Config config, LoadConfig(paths.config_files));
  if (!config.ssh_key_path.empty()) return fs::path(config.ssh_key_path);
  BANGER_ASSIGN_OR_RETURN(const fs::path dir, SshDir());
  return dir / "id_ed25519";
}

}  // namespace

absl::StatusOr<fs::path> FindSshProgram(const std::string& name) {
  absl::StatusOr<fs::path> program = FindProgram(name);
  if (program.ok()) return program;
  return ApiError(absl::StatusCode::kFailedPrecondition, "SSH_NOT_FOUND",
                  absl::StrCat("the program '", name, "' is not in PATH"));
}

absl::StatusOr<fs::path> SshDir() {
  BANGER_ASSIGN_OR_RETURN(const fs::path client, FindClientDir());
  const fs::path dir = client / "ssh";
  BANGER_RETURN_IF_ERROR(MakeDirectories(dir));
  struct stat info {};
  if (::lstat(dir.c_str(), &info) < 0) return ErrnoError(errno, absl::StrCat("stat '", dir.string(), "'"));
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0)
    return absl::FailedPreconditionError(
        absl::StrCat("'", dir.string(), "' is not a directory of this user alone (mode 0700)"));
  return dir;
}

absl::StatusOr<fs::path> SshKey() {
  BANGER_ASSIGN_OR_RETURN(const fs::path key, KeyPath());
  std::error_code error;
  if (!fs::exists(key, error)) {
    if (const absl::Status made = MakeKey(key); !made.ok())
      return Annotate(made, absl::StrCat("make the ssh key '", key.string(), "'"));
  }
  return key;
}

// Without the .pub (nobody's but the maker's to write) the private key tells, unless it
// has a passphrase.
absl::StatusOr<std::string> PublicKeyOf(const fs::path& private_key) {
  absl::StatusOr<std::string> text = ReadFile(private_key.string() + ".pub", 64 << 10);
  if (absl::IsNotFound(text.status())) text = RunKeygen({"-y", "-P", "", "-f", private_key});
  if (!text.ok())
    return Annotate(text.status(), absl::StrCat("read the public key of '", private_key.string(), "'"));
  const std::vector<std::string> words = absl::StrSplit(absl::StripAsciiWhitespace(*text), ' ');
  if (words.size() < 2 || words[0].empty() || words[1].empty())
    return absl::FailedPreconditionError(
        absl::StrCat("'", private_key.string(), ".pub' is not a public key of ssh"));
  return absl::StrCat(words[0], " ", words[1]);
}

}  // namespace banger::cli
