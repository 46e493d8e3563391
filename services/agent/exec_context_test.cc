// As whom, where and with what a command of Exec runs: the caller's word, the image's,
// and what is wrong with either.
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "services/agent/testing/exec_fixture.h"

namespace banger::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using ExecContextTest = ExecTest;

TEST_F(ExecContextTest, EnvironmentAndDirectoryAreTheCallers) {
  exec::v1::Command command = Command({"sh", "-c", "pwd; echo $A $HOME"});
  command.add_env("A=b c");
  command.set_working_dir("/usr");
  EXPECT_THAT(Run(command).out, StartsWith("/usr\nb c /"));
}

TEST_F(ExecContextTest, WrongDirectoriesAndUsersAreNamed) {
  exec::v1::Command command = Command({"true"});
  command.set_working_dir("/no/such/place");
  EXPECT_THAT(Run(command).status, StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such/place")));
}

TEST_F(ExecContextTest, AnUnknownUserIsNamed) {
  exec::v1::Command command = Command({"true"});
  command.set_user("nobody-of-that-name");
  EXPECT_THAT(Run(command).status, StatusIs(absl::StatusCode::kNotFound, HasSubstr("nobody-of-that-name")));
}

TEST_F(ExecContextTest, WhatTheImageSaysHoldsWhereTheCallerIsSilent) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  v1::ExecDefaults image;
  image.add_env("A=image");
  image.add_env("HOME=/image");
  image.set_working_dir(dir.path() / "made/when/missing");
  EXPECT_THAT(SetImage(image), ::testing::IsEmpty());
  exec::v1::Command command = Command({"sh", "-c", "pwd; echo $A $HOME"});
  EXPECT_EQ(Run(command).out, image.working_dir() + "\nimage /image\n");
  command.add_env("A=caller");
  command.set_working_dir("/usr");
  EXPECT_EQ(Run(command).out, "/usr\ncaller /image\n");
  // Somebody else's home is not the image's.
  command.set_user(absl::StrCat(::geteuid(), ":", ::getegid()));
  EXPECT_THAT(Run(command).out, ::testing::Not(HasSubstr("/image")));
}

TEST_F(ExecContextTest, TheImagesUserRunsItUnlessTheCallerSaysOtherwise) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  v1::ExecDefaults image;
  image.set_user("1234:4321");
  SetImage(image);
  exec::v1::Command command = Command({"sh", "-c", "echo $(id -u) $(id -g)"});
  EXPECT_EQ(Run(command).out, "1234 4321\n");
  command.set_user("root");
  EXPECT_EQ(Run(command).out, "0 0\n");
}

TEST_F(ExecContextTest, TheEntrypointRunsWithTheImagesArgumentsOrTheCallers) {
  v1::ExecDefaults image;
  for (const char* word : {"printf", "<%s>"}) image.add_entrypoint(word);
  for (const char* word : {"a", "b c"}) image.add_cmd(word);
  SetImage(image);
  exec::v1::Command command = Command({});
  command.set_entrypoint(true);
  EXPECT_EQ(Run(command).out, "<a><b c>");
  command.add_argv("$x");
  EXPECT_EQ(Run(command).out, "<$x>");
  EXPECT_EQ(Run(Command({"echo", "as it is"})).out, "as it is\n");
}

TEST_F(ExecContextTest, AHostileConfigIsNamedAndTheCallerGetsAroundIt) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  ASSERT_OK(WriteFileAtomically(dir.path() / "file", ""));
  const auto refused = [this](const v1::ExecDefaults& image, const std::string& name, bool entrypoint) {
    SetImage(image);
    exec::v1::Command command =
        Command(entrypoint ? std::vector<std::string>{} : std::vector<std::string>{"true"});
    command.set_entrypoint(entrypoint);
    const absl::Status status = Run(command).status;
    EXPECT_EQ(ErrorReason(status), "IMAGE_CONFIG_UNUSABLE") << status;
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(name)));
  };
  for (const std::string& user : {std::string("root:x:99999999999"), std::string("4294967295"),
                                  std::string("no-such-user"), std::string("ro\0ot", 5), std::string(":0")}) {
    v1::ExecDefaults image;
    image.set_user(user);
    refused(image, "the image's User", false);
  }
  for (const std::string& working_dir :
       {std::string("relative"), (dir.path() / "file/below").string(), std::string("/tmp\0x", 6)}) {
    v1::ExecDefaults image;
    image.set_working_dir(working_dir);
    refused(image, "the image's WorkingDir", false);
  }
  refused({}, "the image's Entrypoint: there is none", true);
  v1::ExecDefaults image;
  image.add_entrypoint("");
  image.add_entrypoint("x");
  refused(image, "name is empty", true);

  image.set_user(std::string(20000, 'u'));  // not longer than an error may be
  image.set_working_dir("relative");
  refused(image, "the image's User", false);
  exec::v1::Command command = Command({"pwd"});
  command.set_user(absl::StrCat(::geteuid(), ":", ::getegid()));
  command.set_working_dir("/usr");
  EXPECT_EQ(Run(command).out, "/usr\n");
}

TEST_F(ExecContextTest, AnEnvironmentThatIsNoneIsLeftOutWithAWarning) {
  v1::ExecDefaults image;
  image.add_env("NOEQUALS");
  image.add_env("A=1");
  image.add_env("LARGE=" + std::string(1 << 20, 'x'));
  EXPECT_THAT(SetImage(image), ::testing::ElementsAre(HasSubstr("'NOEQUALS'")));
  EXPECT_EQ(Run(Command({"sh", "-c", "echo $A $LARGE"})).out, "1\n");
}

TEST_F(ExecContextTest, AShellThatLetsNobodyInIsNotTheLoginShell) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  exec::v1::Command command = Command({});
  command.set_user("nobody");
  command.set_stdin(true);
  const auto stream = Start(command);
  Send(*stream, "echo $SHELL $0 $(id -un)\n");
  stream->WritesDone();
  EXPECT_EQ(Collect(*stream).out, "/bin/sh -sh nobody\n");
}

TEST_F(ExecContextTest, AnotherUserHasThatUsersIdentity) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  exec::v1::Command command = Command({"sh", "-c", "id -u; id -g; id -G; grep CapEff /proc/self/status"});
  command.set_user("1234:4321");
  EXPECT_THAT(Run(command).out, StartsWith("1234\n4321\n4321\nCapEff:\t0000000000000000\n"));
}

}  // namespace
}  // namespace banger::agent
