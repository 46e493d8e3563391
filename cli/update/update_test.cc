// An update that fails, or is killed, at each of its steps.
#include "cli/update/update.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/doctor/store.h"
#include "cli/update/testing/store.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

// Before and after each single thing that is done.
using Step = std::function<absl::Status(const std::string& what)>;

class TestMover final : public Mover {
 public:
  explicit TestMover(Step step) : step_(std::move(step)) {}
  absl::Status Exchange(const fs::path& one, const fs::path& other) override {
    BANGER_RETURN_IF_ERROR(step_("before exchange"));
    BANGER_RETURN_IF_ERROR(Mover::Exchange(one, other));
    return step_("after exchange");
  }
  absl::Status Move(const fs::path& from, const fs::path& to) override {
    BANGER_RETURN_IF_ERROR(step_("before move"));
    BANGER_RETURN_IF_ERROR(Mover::Move(from, to));
    return step_("after move");
  }

 private:
  const Step step_;
};

// Its daemons are of what was below the prefix when they started, which a file beside it
// says; the new vmd brings the store to version 8, and the old one does not open that.
class TestHost final : public UpdateHost {
 public:
  TestHost(fs::path directory, Step step) : directory_(std::move(directory)), step_(std::move(step)) {}

  absl::Status StopDaemons() override {
    BANGER_RETURN_IF_ERROR(step_("before stop"));
    BANGER_RETURN_IF_ERROR(WriteFileAtomically(directory_ / "runs", "nothing"));
    return step_("after stop");
  }
  absl::Status StartDaemons() override {
    BANGER_RETURN_IF_ERROR(step_("before start"));
    BANGER_ASSIGN_OR_RETURN(const std::string build,
                            ReadFile(directory_ / "prefix/libexec/banger/banger-vmd"));
    BANGER_ASSIGN_OR_RETURN(const int store, StoreVersion(directory_ / "vmd.sqlite3"));
    if (build == "old" && store > 7) return absl::FailedPreconditionError("the store is of a newer banger");
    if (build == "new" && store < 8) WriteStore(directory_ / "vmd.sqlite3", 8, "migrated");
    BANGER_RETURN_IF_ERROR(WriteFileAtomically(directory_ / "runs", build));
    return step_("after start");
  }
  absl::Status CheckBuild(const std::string& version, const std::string&) override {
    BANGER_RETURN_IF_ERROR(step_("before check"));
    EXPECT_EQ(version, "0.2.0");
    return step_("after check");
  }

 private:
  const fs::path directory_;
  const Step step_;
};

// In a directory of its own.
class UpdateWorld {
 public:
  UpdateWorld() {
    for (const std::string file : {"bin/banger", "libexec/banger/banger-vmd", "libexec/banger/dropped",
                                   "share/banger/config.toml", "lib/systemd/system/banger-vmd.service"})
      Write(prefix() / file, "old");
    Write(prefix() / "bin/other", "not banger's");
    WriteStore(database(), 7, "web");
    Write(path() / "runs", "old");
  }

  fs::path path() const { return directory_.path(); }
  fs::path prefix() const { return path() / "prefix"; }
  fs::path database() const { return path() / "vmd.sqlite3"; }

  absl::Status Update(const Step& step) const {
    TestHost host(path(), step);
    TestMover mover(step);
    BANGER_ASSIGN_OR_RETURN(const Staging staging, Staging::Create(prefix()));
    const std::set<std::string> files = {"bin/banger",
                                         "libexec/banger/banger-vmd",
                                         "libexec/banger/added",
                                         "share/banger/config.toml",
                                         "share/man/man1/banger-added.1",
                                         "lib/systemd/system/banger-vmd.service"};
    for (const std::string& file : files) Write(staging.tree() / file, "new");
    return InstallRelease(
        {.host = host, .mover = mover, .database = database()}, staging, files,
        {.id = "", .version = "0.2.0", .commit = "new", .arch = "", .tarball = {}, .store_version = 8},
        "0.1.0");
  }
  // OK also when there is nothing to decide.
  absl::Status DecideWhatIsLeft(const Step& step) const {
    TestHost host(path(), step);
    TestMover mover(step);
    const std::optional<Staging> left = Staging::Find(prefix());
    if (!left.has_value()) return absl::OkStatus();
    return Recover({.host = host, .mover = mover, .database = database()}, *left).status();
  }

  // "old" or "new", when all of it is; else what there is.
  std::string State() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(prefix()))
      if (entry.is_regular_file())
        files[entry.path().lexically_relative(prefix())] = ReadFile(entry.path()).value_or("?");
    std::string state;
    for (const auto& [file, text] : files) absl::StrAppend(&state, file, "=", text, " ");
    absl::StrAppend(&state, "store=", StoreVersion(database()).value_or(-1), " ",
                    "runs=", ReadFile(path() / "runs").value_or("?"));
    return state;
  }

 private:
  static void Write(const fs::path& path, const std::string& text) {
    ASSERT_OK(MakeDirectories(path.parent_path(), 0755));
    ASSERT_OK(WriteFileAtomically(path, text, 0755));
  }

  // In memory: each step of each update waits until it is on disk.
  const TempDir directory_ = *TempDir::Create(fs::exists("/dev/shm") ? "/dev/shm" : "");
};

absl::Status Nothing(const std::string&) { return absl::OkStatus(); }

// What happens at the n-th step, from 1 on; copies count together.
Step AtStep(int n, std::function<absl::Status()> what) {
  return [left = std::make_shared<int>(n), what](const std::string&) {
    return --*left == 0 ? what() : absl::OkStatus();
  };
}

absl::Status Die() {
  ::kill(::getpid(), SIGKILL);
  return absl::OkStatus();
}

// In a child. Whether it was killed.
bool IsKilled(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
  return WIFSIGNALED(status);
}

const std::string& Old() {
  static const std::string state = UpdateWorld().State();
  return state;
}
const std::string& New() {
  static const std::string state = [] {
    const UpdateWorld world;
    EXPECT_OK(world.Update(Nothing));
    return world.State();
  }();
  return state;
}

TEST(UpdateTest, ReplacesWhatIsBangersAndNothingElse) {
  EXPECT_THAT(New(), HasSubstr("bin/other=not banger's"));
  EXPECT_THAT(New(), HasSubstr("share/man/man1/banger-added.1=new"));
  EXPECT_THAT(New(), ::testing::Not(HasSubstr("dropped")));
  EXPECT_THAT(New(), ::testing::Not(HasSubstr("=old")));
  EXPECT_THAT(New(), HasSubstr("store=8 runs=new"));
  EXPECT_THAT(New(), ::testing::Not(HasSubstr(".banger-update")));
}

TEST(UpdateTest, WhateverStepFailsTheOldOneIsBackAndRuns) {
  int n = 1;
  for (;; ++n) {
    const UpdateWorld world;
    const absl::Status updated =
        world.Update(AtStep(n, [] { return absl::InternalError("somebody pulled the plug"); }));
    if (updated.ok()) break;
    EXPECT_THAT(updated, StatusIs(absl::StatusCode::kFailedPrecondition,
                                  ::testing::AllOf(HasSubstr("somebody pulled the plug"),
                                                   HasSubstr("0.1.0 is back and runs"))))
        << n;
    EXPECT_EQ(world.State(), Old()) << n;
  }
  EXPECT_GT(n, 15);
}

TEST(UpdateTest, WhereverItIsKilledTheNextOneDecides) {
  int n = 1, finished = 0, taken_back = 0;
  for (;; ++n) {
    const UpdateWorld world;
    if (!IsKilled([&] { world.Update(AtStep(n, Die)).IgnoreError(); })) break;
    const absl::Status decided = world.DecideWhatIsLeft(Nothing);
    if (world.State() == New()) {
      ++finished;
      EXPECT_OK(decided) << n;
    } else {
      ++taken_back;
      EXPECT_THAT(decided, StatusIs(absl::StatusCode::kAborted, HasSubstr("0.1.0 is back and runs"))) << n;
      EXPECT_EQ(world.State(), Old()) << n;
    }
  }
  EXPECT_GT(finished, 2);
  EXPECT_GT(taken_back, 10);
}

TEST(UpdateTest, WhereverItIsKilledWhileItIsTakenBackTheNextOneTakesItBack) {
  const auto failing = [](int killed_at) -> Step {
    return [left = std::make_shared<int>(killed_at)](const std::string& what) {
      if (--*left == 0) return Die();
      return what == "after check" ? absl::UnavailableError("vmd does not answer") : absl::OkStatus();
    };
  };
  int n = 1;
  for (;; ++n) {
    const UpdateWorld world;
    if (!IsKilled([&] { world.Update(failing(n)).IgnoreError(); })) break;
    // It does not work any better then, and is killed once more.
    IsKilled([&] { world.DecideWhatIsLeft(failing(n % 7 + 1)).IgnoreError(); });
    world.DecideWhatIsLeft(failing(0)).IgnoreError();
    EXPECT_EQ(world.State(), Old()) << n;
    EXPECT_FALSE(fs::exists(world.prefix() / ".banger-update")) << n;
  }
  EXPECT_GT(n, 30);
}

TEST(UpdateTest, WhatDidNotStartBeforeDoesNotKeepItUndecided) {
  const UpdateWorld world;
  const absl::Status updated = world.Update([](const std::string& what) {
    return what == "before start" ? absl::UnavailableError("no disk") : absl::OkStatus();
  });
  EXPECT_THAT(updated, StatusIs(absl::StatusCode::kFailedPrecondition,
                                HasSubstr("0.1.0 is back, but does not start")));
  EXPECT_FALSE(Staging::Find(world.prefix()).has_value());
}

TEST(UpdateTest, AJournalThatIsNoneIsRefusedAndStays) {
  const UpdateWorld world;
  const fs::path journal = world.prefix() / ".banger-update/journal.json";
  ASSERT_OK(MakeDirectories(journal.parent_path()));
  for (const std::string text :
       {"", "{}", R"({"format": 2, "items": []})", R"({"format": 1, "items": []})",
        R"({"format": 1, "items": [7]})",
        R"({"format": 1, "items": [{"path": "../etc", "probe": "../etc", "inode": 5, "replaces": 1}]})"}) {
    ASSERT_OK(WriteFileAtomically(journal, text));
    EXPECT_THAT(world.DecideWhatIsLeft(Nothing), StatusIs(absl::StatusCode::kDataLoss)) << text;
    EXPECT_TRUE(fs::exists(journal));
  }
}

}  // namespace
}  // namespace banger::cli
