// A machine's state goes to a file and into another QEMU; real ones, without a guest.
#include "services/vmd/adapters/qemu_migration.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class Qemu {
 public:
  explicit Qemu(const std::vector<std::string>& options) {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    const UniqueFd theirs(fds[1]);
    std::vector<std::string> argv = {
        "qemu-system-x86_64",
        "-nodefaults",
        "-display",
        "none",
        "-S",
        "-accel",
        "tcg",
        "-chardev",
        "socket,id=qmp,fd=3",
        "-mon",
        "chardev=qmp,mode=control",
        "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"};
    argv.insert(argv.end(), options.begin(), options.end());
    auto child = Subprocess::Start({.argv = argv, .fds = {{3, theirs.get()}}});
    EXPECT_OK(child);
    if (child.ok()) child_.emplace(*std::move(child));
    qmp_ = std::make_unique<QmpClient>(UniqueFd(fds[0]), [](const std::string&, const json&) {});
  }
  QmpClient& qmp() { return *qmp_; }
  std::string State() {
    const auto status = qmp_->Execute("query-status", 10s);
    return status.ok() ? (*status)["status"].get<std::string>() : std::string(status.status().message());
  }

 private:
  std::optional<Subprocess> child_;
  std::unique_ptr<QmpClient> qmp_;
};

class QemuMigrationTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }
  UniqueFd Create(const std::string& name) {
    auto fd = OpenFile(dir_.path() / name, O_WRONLY | O_CREAT | O_TRUNC);
    EXPECT_OK(fd);
    return fd.ok() ? *std::move(fd) : UniqueFd();
  }
  UniqueFd Open(const std::string& name) {
    auto fd = OpenFile(dir_.path() / name, O_RDONLY);
    EXPECT_OK(fd);
    return fd.ok() ? *std::move(fd) : UniqueFd();
  }
  TempDir dir_;
};

TEST_F(QemuMigrationTest, AMachineIsSavedAgainAndAgainAndGoesOnInAnother) {
  Qemu from({"-M", "microvm,acpi=on", "-m", "64M"});
  ASSERT_OK_AND_ASSIGN(const std::string version, QemuVersion(from.qmp()));
  EXPECT_THAT(version, ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+.*"));
  for (const char* name : {"first", "second"}) {
    ASSERT_OK(from.qmp().Execute("cont", 10s));
    ASSERT_OK(from.qmp().Execute("stop", 10s));
    ASSERT_OK(SaveState(from.qmp(), Create(name).get(), {})) << name;
  }
  // Still standing still.
  ASSERT_OK(SaveState(from.qmp(), Create("third").get(), {}));
  EXPECT_GT(std::filesystem::file_size(dir_.path() / "third"), 1000u);
  ASSERT_OK(EndSaving(from.qmp()));
  ASSERT_OK(from.qmp().Execute("cont", 10s));
  EXPECT_EQ(from.State(), "running");

  for (const char* name : {"first", "third"}) {
    Qemu to({"-M", "microvm,acpi=on", "-m", "64M", "-incoming", "defer"});
    ASSERT_OK(LoadState(to.qmp(), Open(name).get())) << name;
    EXPECT_EQ(to.State(), "paused");
    ASSERT_OK(to.qmp().Execute("cont", 10s));
    EXPECT_EQ(to.State(), "running");
  }
}

TEST_F(QemuMigrationTest, AStateThatIsNoneOrOfAnotherMachineIsRefused) {
  Qemu from({"-M", "microvm,acpi=on", "-m", "64M"});
  ASSERT_OK(SaveState(from.qmp(), Create("state").get(), {}));
  Qemu larger({"-M", "microvm,acpi=on", "-m", "96M", "-incoming", "defer"});
  EXPECT_FALSE(LoadState(larger.qmp(), Open("state").get()).ok());
  ASSERT_OK(WriteFileAtomically(dir_.path() / "nonsense", std::string(100'000, 'x')));
  Qemu other({"-M", "microvm,acpi=on", "-m", "64M", "-incoming", "defer"});
  EXPECT_FALSE(LoadState(other.qmp(), Open("nonsense").get()).ok());
}

TEST_F(QemuMigrationTest, AFullDiskOrACallerWhoLeavesEndsItAndTheMachineGoesOn) {
  Qemu from({"-M", "microvm,acpi=on", "-m", "64M"});
  const auto full = OpenFile("/dev/full", O_WRONLY);
  ASSERT_OK(full);
  EXPECT_FALSE(SaveState(from.qmp(), full->get(), {}).ok());
  std::stop_source left;
  left.request_stop();
  SaveState(from.qmp(), Create("state").get(), left.get_token()).IgnoreError();
  ASSERT_OK(from.qmp().Execute("cont", 10s));
  EXPECT_EQ(from.State(), "running");
}

}  // namespace
}  // namespace banger::vmd
