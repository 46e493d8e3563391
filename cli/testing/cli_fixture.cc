#include "cli/testing/cli_fixture.h"

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {

std::string BangerProgram() { return BANGER_PROGRAM; }

CliTest::CliTest()
    : directory_(*TempDir::Create()), socket_(directory_.path() / "gateway.sock"), gateway_(socket_) {}

std::vector<std::string> CliTest::Environment() const {
  return {absl::StrCat("BANGER_SOCKET=", socket_.string()), "PATH=/usr/bin:/bin", "TERM=xterm"};
}

CommandResult CliTest::Run(const std::vector<std::string>& arguments, const std::string& input) const {
  Subprocess::Options options;
  options.argv = {BangerProgram()};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.env = Environment();
  absl::StatusOr<CommandResult> result = RunCommand(options, input);
  EXPECT_OK(result);
  return result.ok() ? *std::move(result) : CommandResult{};
}

Subprocess CliTest::Start(const std::vector<std::string>& arguments, int stdin_fd, int stdout_fd,
                          int stderr_fd) const {
  Subprocess::Options options;
  options.argv = {BangerProgram()};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.env = Environment();
  options.stdin_fd = stdin_fd;
  options.stdout_fd = stdout_fd;
  options.stderr_fd = stderr_fd;
  return *Subprocess::Start(options);
}

std::string CliTest::WriteFile(const std::string& name, const std::string& content) const {
  const std::filesystem::path path = directory_.path() / name;
  EXPECT_OK(MakeDirectories(path.parent_path()));
  EXPECT_OK(WriteFileAtomically(path, content));
  return path.string();
}

}  // namespace banger::cli
