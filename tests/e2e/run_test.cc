// `vm run` and `vm exec` in three real guests: no init at all, Debian without
// an init, Debian with systemd.
#include <ctime>
#include <random>

#include "common/digest/sha256.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string RandomBytes(std::size_t size) {
  std::mt19937 random(4711);
  std::string bytes(size, 0);
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

class RunTest : public SharedInstanceTest, public ::testing::WithParamInterface<const char*> {
 protected:
  static void SetUpTestSuite() { StartInstance({}, {"minbase", "systemd"}); }
};

INSTANTIATE_TEST_SUITE_P(Images, RunTest, ::testing::Values("mini", "minbase", "systemd"),
                         [](const auto& image) { return std::string(image.param); });

TEST_P(RunTest, ACommandsOutputAndExitCodeComeBackAndNothingStays) {
  const HostSnapshot before = instance_->Snapshot();

  const CommandResult result = instance_->Banger({"vm", "run", "--rm", "--image", GetParam(), "--", "sh",
                                                  "-c", "cat /etc/os-release; echo no >&2; exit 7"});

  EXPECT_EQ(result.status.code, 7) << result.err;
  EXPECT_THAT(result.out, HasSubstr(std::string(GetParam()) == "mini" ? "ID=banger-mini" : "ID=debian"));
  EXPECT_THAT(result.err, HasSubstr("no\n"));
  EXPECT_EQ(Changes(before, instance_->Snapshot()), "");
}

TEST_P(RunTest, StreamsAndArgumentsArriveUnharmed) {
  ASSERT_EQ(instance_->Banger({"vm", "create", "--name", "box", "--image", GetParam()}).status.code, 0);

  const std::string bytes = RandomBytes(10 << 20);
  const CommandResult cat = instance_->Banger({"vm", "exec", "-i", "box", "--", "cat"}, bytes);
  EXPECT_EQ(cat.status.code, 0) << cat.err;
  EXPECT_EQ(Sha256Hex(cat.out), Sha256Hex(bytes));

  EXPECT_EQ(
      instance_->Banger({"vm", "exec", "box", "--", "printf", "<%s>", "a b", "$HOME", "'", "", "\n"}).out,
      "<a b><$HOME><'><><\n>");
  EXPECT_EQ(instance_
                ->Banger({"vm", "exec", "-w", "/tmp", "-e", "GREETING=hi there", "box", "--", "sh", "-c",
                          "pwd; echo $GREETING; id -u"})
                .out,
            "/tmp\nhi there\n0\n");
  EXPECT_EQ(instance_->Banger({"vm", "exec", "box", "--", "sh", "-c", "kill -9 $$"}).status.code, 137);
  EXPECT_EQ(instance_->Banger({"vm", "exec", "box", "--", "no-such-program"}).status.code, 127);
  EXPECT_EQ(instance_->Banger({"vm", "exec", "box", "--", "/etc/passwd"}).status.code, 126);
  EXPECT_EQ(instance_->Banger({"vm", "exec", "box", "--", "hostname"}).out, "box\n");
  EXPECT_EQ(instance_->Banger({"vm", "delete", "--force", "box"}).status.code, 0);
}

TEST_P(RunTest, TheGuestIsAnOrdinaryLinux) {
  ASSERT_EQ(instance_->Banger({"vm", "create", "--name", "box", "--image", GetParam()}).status.code, 0);
  const auto output = [&](const std::string& script) {
    const CommandResult result = instance_->Banger({"vm", "exec", "box", "--", "sh", "-c", script});
    return result.out + result.err;
  };

  EXPECT_EQ(output("echo x > /usr/written && cat /usr/written"), "x\n");
  EXPECT_THAT(output("cat /proc/mounts"),
              AllOf(HasSubstr(" /root ext4 rw"), HasSubstr(" /var/lib/docker ext4 rw")));
  EXPECT_EQ(output("stat -c %a:%u /root /tmp | head -2"), "700:0\n1777:0\n");
  EXPECT_EQ(
      output("test -c /dev/null && test -d /proc/self && test -d /sys/class && test -e /dev/pts && echo yes"),
      "yes\n");
  EXPECT_EQ(output("cat /proc/sys/kernel/hostname"), "box\n");
  EXPECT_EQ(output(std::string("[ $(($(date +%s) / 600)) -ge $((") + std::to_string(std::time(nullptr)) +
                   " / 600 - 1)) ] && echo ok"),
            "ok\n");
  // No zombies stay behind and no process of a command that ended.
  EXPECT_EQ(output("sleep 0 & sleep 0 & wait; ps 2>/dev/null | grep -c '[Z]ombie' || true"), "0\n");
  EXPECT_EQ(instance_->Banger({"vm", "delete", "--force", "box"}).status.code, 0);
}

}  // namespace
}  // namespace banger::e2e
