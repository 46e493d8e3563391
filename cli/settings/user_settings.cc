#include "cli/settings/user_settings.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/copy/guest_file.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "common/config/config.h"
#include "common/config/paths.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;
constexpr char kGitConfig[] = "/etc/gitconfig";
constexpr char kBegin[] = "# banger: begin\n";
constexpr char kEnd[] = "# banger: end\n";

std::string Expand(const std::string& path) {
  const char* home = std::getenv("HOME");
  return path.starts_with("~/") && home != nullptr ? absl::StrCat(home, path.substr(1)) : path;
}

absl::StatusOr<std::string> ReadUserFile(const std::string& path) {
  // Never wait for a fifo's other end.
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY | O_NONBLOCK));
  struct stat info {};
  if (::fstat(fd.get(), &info) < 0 || !S_ISREG(info.st_mode))
    return absl::FailedPreconditionError(absl::StrCat("'", path, "' is not a regular file"));
  std::string content(kMaxFile + 1, '\0');
  BANGER_ASSIGN_OR_RETURN(const std::size_t size, ReadFully(fd.get(), content.data(), content.size()));
  if (size > kMaxFile) return absl::FailedPreconditionError(absl::StrCat("'", path, "' has more than 1 MiB"));
  content.resize(size);
  return content;
}

// Empty without git. From "/": no repository's own configuration is asked.
GitIdentity AskGit(const std::stop_token& stop) {
  GitIdentity identity;
  const auto answer = RunCommand(
      {.argv = {"git", "config", "--null", "--get-regexp", "^user\\.(name|email)$"}, .working_dir = "/"}, "",
      stop);
  if (!answer.ok() || !answer->status.success()) return identity;
  // "user.name", a newline, the value; the last one of several counts.
  for (const absl::string_view entry : absl::StrSplit(answer->out, '\0')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(entry, absl::MaxSplits('\n', 1));
    if (parts.first == "user.name") identity.name = std::string(parts.second);
    if (parts.first == "user.email") identity.email = std::string(parts.second);
  }
  return identity;
}

// As git reads a value back.
std::string Quote(const std::string& value) {
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return quoted + "\"";
}

absl::Status SendGitIdentity(Client& client, const std::string& vm, const GitIdentity& identity) {
  absl::StatusOr<std::string> now = ReadGuestFile(client, vm, kGitConfig);
  if (absl::IsNotFound(now.status())) now = "";
  BANGER_RETURN_IF_ERROR(now.status());
  const std::string wanted = WithGitIdentity(*now, identity);
  return wanted == *now ? absl::OkStatus() : WriteGuestFile(client, vm, kGitConfig, wanted, 0644);
}

}  // namespace

absl::StatusOr<UserSettings> ReadUserSettings(const std::stop_token& stop) {
  UserSettings settings;
  Config config;
  // Without a home there is no configuration.
  if (const absl::StatusOr<Paths> paths = FindPaths(); paths.ok()) {
    BANGER_ASSIGN_OR_RETURN(config, LoadConfig(paths->config_files));
  }
  for (const FileSyncConfig& sync : config.file_sync) {
    absl::StatusOr<std::string> content = ReadUserFile(Expand(sync.host));
    if (content.ok()) {
      settings.files.push_back({sync.host, sync.guest, *std::move(content), sync.mode});
    } else {
      Warn(absl::StrCat("file_sync leaves out '", sync.host, "': ", content.status().message()));
    }
  }
  const GitIdentity git = AskGit(stop);
  if (!git.name.empty() || !git.email.empty()) settings.git = git;
  return settings;
}

void SendUserSettings(Client& client, const std::string& vm, const UserSettings& settings) {
  for (const UserSettings::File& file : settings.files) {
    const std::string path =
        file.guest.starts_with("~/") ? absl::StrCat("/root", file.guest.substr(1)) : file.guest;
    if (const absl::Status sent = WriteGuestFile(client, vm, path, file.content, file.mode); !sent.ok())
      Warn(absl::StrCat("file_sync of '", file.host, "' to vm '", vm,
                        "': ", OneLine(std::string(sent.message()))));
  }
  if (!settings.git.has_value()) return;
  if (const absl::Status sent = SendGitIdentity(client, vm, *settings.git); !sent.ok())
    Warn(absl::StrCat("git identity of vm '", vm, "': ", OneLine(std::string(sent.message()))));
}

std::string WithGitIdentity(const std::string& file, const GitIdentity& identity) {
  std::string rest = file;
  const std::size_t begin = rest.find(kBegin);
  const std::size_t end = begin == std::string::npos ? begin : rest.find(kEnd, begin);
  if (end != std::string::npos) rest.erase(begin, end + sizeof kEnd - 1 - begin);
  if (!rest.empty() && rest.back() != '\n') rest += '\n';
  std::string user;
  if (!identity.name.empty()) absl::StrAppend(&user, "\tname = ", Quote(identity.name), "\n");
  if (!identity.email.empty()) absl::StrAppend(&user, "\temail = ", Quote(identity.email), "\n");
  return absl::StrCat(rest, kBegin, "[user]\n", user, kEnd);
}

}  // namespace banger::cli
