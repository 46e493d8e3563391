// Images of many kinds, each to a working `vm exec`: with another libc, with no
// shell, with systemd of several families, and with a root that is laid out as
// nobody would. Made from what the distribution has: the families' trees are small
// or are Debian's in their clothes.
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/oci_layout.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class FamiliesTest : public SharedInstanceTest {
 protected:
  static void SetUpTestSuite() {
    StartInstance();
    ASSERT_OK_AND_ASSIGN(*work_, TempDir::Create("/tmp"));
    layout_ = new OciLayout(work_->path() / "layout");
  }
  static void TearDownTestSuite() {
    delete layout_;
    SharedInstanceTest::TearDownTestSuite();
    *work_ = TempDir();
  }
  void SetUp() override { ASSERT_NE(layout_, nullptr); }

  // A directory for a layer, and what goes into it.
  static fs::path Tree(const std::string& name) { return work_->path() / name; }
  static void Write(const fs::path& path, const std::string& content, unsigned mode = 0644) {
    ASSERT_OK(MakeDirectories(path.parent_path(), 0755));
    ASSERT_OK(WriteFileAtomically(path, content, mode));
  }
  static void Link(const fs::path& path, const std::string& target) {
    ASSERT_OK(MakeDirectories(path.parent_path(), 0755));
    fs::create_symlink(target, path);
  }
  static void Copy(const std::string& from, const fs::path& to) {
    ASSERT_OK(MakeDirectories(to.parent_path(), 0755));
    fs::copy_file(from, to);
  }
  // A program that says who it is, by the libc of musl.
  static void Compile(const fs::path& program, const std::vector<std::string>& flags = {}) {
    const fs::path source = work_->path() / "hello.c";
    Write(source,
          "#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
          "int main(int argc, char** argv) {\n"
          "  char dir[4096];\n"
          "  printf(\"hello %s: %d:%d in %s, A=%s HOME=%s\\n\", argc > 1 ? argv[1] : \"nobody\", getuid(),\n"
          "         getgid(), getcwd(dir, sizeof dir), getenv(\"A\") ? getenv(\"A\") : \"\", "
          "getenv(\"HOME\"));\n"
          "  return 7;\n}\n");
    ASSERT_OK(MakeDirectories(program.parent_path(), 0755));
    std::vector<std::string> command = {"musl-gcc", "-o", program, source};
    command.insert(command.end(), flags.begin(), flags.end());
    ASSERT_OK(RunCommandOk({.argv = command}));
  }

  static void Import(const std::string& image) {
    const CommandResult imported = instance_->Banger({"image", "import", image, "--from", layout_->dir(),
                                                      "--reference", image, "--kernel-ref", "debian-6.1"});
    ASSERT_EQ(imported.status.code, 0) << imported.err;
  }
  static std::string Output(std::vector<std::string> arguments, const std::string& input = {}) {
    const CommandResult result = Run(std::move(arguments), input);
    return result.out + result.err;
  }

  static TempDir* work_;
  static OciLayout* layout_;
};

TempDir* FamiliesTest::work_ = new TempDir();
OciLayout* FamiliesTest::layout_ = nullptr;

// As Alpine's image: musl, busybox, an inittab that nobody runs.
TEST_F(FamiliesTest, AnImageWithoutGlibcRunsAsItsConfigSays) {
  const HostSnapshot before = instance_->Snapshot();
  const fs::path root = Tree("alpine");
  Write(root / "etc/os-release", "ID=alpine\nPRETTY_NAME=\"Alpine Linux v3.20\"\n");
  Write(root / "etc/passwd", "root:x:0:0:root:/root:/bin/ash\napp:x:1000:1000::/home/app:/sbin/nologin\n");
  Write(root / "etc/group", "root:x:0:\napp:x:1000:\nwheel:x:10:app\n");
  Write(root / "etc/inittab", "::sysinit:/sbin/openrc sysinit\n");
  Copy("/usr/bin/busybox", root / "bin/busybox");
  for (const char* applet : {"bin/sh", "bin/ash", "bin/id", "bin/ls", "bin/cat", "sbin/init"})
    Link(root / applet, "/bin/busybox");
  Copy("/lib/ld-musl-x86_64.so.1", root / "lib/ld-musl-x86_64.so.1");
  Compile(root / "usr/bin/hello");
  Copy("/usr/bin/true", root / "usr/bin/of-another-libc");
  layout_->Make("alpine");
  layout_->AddLayer("alpine", root);
  layout_->Configure(
      "alpine", {"--config.env", "A=image", "--config.env", "HOME=/srv", "--config.workingdir", "/srv/app",
                 "--config.user", "app", "--config.entrypoint", "/usr/bin/hello", "--config.cmd", "world"});
  Import("alpine");
  EXPECT_THAT(Output({"image", "show", "alpine"}), HasSubstr("\"entrypoint\""));

  EXPECT_EQ(Run({"vm", "run", "--rm", "--image", "alpine", "--entrypoint"}).out,
            "hello world: 1000:1000 in /srv/app, A=image HOME=/srv\n");

  const CommandResult made = Run({"vm", "create", "--name", "box", "--image", "alpine"});
  ASSERT_EQ(made.status.code, 0) << made.err;
  EXPECT_EQ(made.err.find("warning: os-release"), std::string::npos) << made.err;
  const CommandResult hello = Run({"vm", "exec", "--entrypoint", "box", "--", "you"});
  EXPECT_THAT(hello.out, HasSubstr("hello you"));
  EXPECT_EQ(hello.status.code, 7);
  EXPECT_EQ(Run({"vm", "exec", "-e", "A=mine", "-w", "/etc", "-u", "root", "box", "--", "hello", "me"}).out,
            "hello me: 0:0 in /etc, A=mine HOME=/root\n");
  EXPECT_EQ(Run({"vm", "exec", "box", "--", "id", "-G"}).out, "1000 10\n");
  EXPECT_EQ(Run({"vm", "exec", "-u", "1000:0", "box", "--", "id", "-G"}).out, "0\n");
  // app's own shell lets nobody in.
  EXPECT_EQ(Run({"vm", "exec", "-i", "box"}, "echo $SHELL $(id -un)\n").out, "/bin/sh app\n");
  EXPECT_EQ(Run({"vm", "exec", "-i", "-u", "0", "box"}, "echo $0\n").out, "-ash\n");
  const CommandResult stranger = Run({"vm", "exec", "box", "--", "of-another-libc"});
  EXPECT_EQ(stranger.status.code, 127);
  EXPECT_THAT(stranger.err, HasSubstr("its interpreter or dynamic loader is not in the image"));
  EXPECT_THAT(Output({"vm", "exec", "-u", "ghost", "box", "--", "id"}), HasSubstr("user 'ghost' is not in"));
  EXPECT_EQ(Run({"vm", "delete", "--force", "box"}).status.code, 0);
  EXPECT_EQ(Run({"image", "delete", "alpine"}).status.code, 0);
  EXPECT_EQ(Changes(before, instance_->Snapshot()), "");
}

// FROM scratch: one static program, no shell, no /etc.
TEST_F(FamiliesTest, AnImageOfOneProgramRunsIt) {
  Compile(Tree("scratch") / "hello", {"-static"});
  layout_->Make("scratch");
  layout_->AddLayer("scratch", Tree("scratch"));
  layout_->Configure("scratch", {"--config.user", "ghost"});
  Import("scratch");
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", "scratch"}).status.code, 0);

  EXPECT_EQ(Run({"vm", "exec", "-u", "65534:65534", "box", "--", "/hello", "you"}).out,
            "hello you: 65534:65534 in /, A= HOME=/\n");
  const CommandResult no_user = Run({"vm", "exec", "box", "--", "/hello"});
  EXPECT_EQ(no_user.status.code, 1);
  EXPECT_THAT(no_user.err, HasSubstr("the image's User: user 'ghost' is not in /etc/passwd"));
  EXPECT_THAT(no_user.err, HasSubstr("hint: say it yourself: -u USER"));
  EXPECT_THAT(Output({"vm", "exec", "--entrypoint", "-u", "0", "box"}), HasSubstr("the image's Entrypoint"));
  const CommandResult shell = Run({"vm", "exec", "-i", "-u", "0", "box"}, "true\n");
  EXPECT_EQ(shell.status.code, 127);
  EXPECT_THAT(shell.err, HasSubstr("/bin/sh: not found"));
  EXPECT_EQ(Run({"vm", "stop", "box"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "delete", "box"}).status.code, 0);
}

// What mounts and files of ours need is a link, a file, or not there at all, and
// systemd is no program.
TEST_F(FamiliesTest, ARootThatIsLaidOutOddlyBoots) {
  const fs::path root = Tree("odd");
  Copy("/usr/bin/busybox", root / "usr/bin/busybox");
  Link(root / "bin", "/usr/bin");
  for (const char* applet : {"sh", "cat", "ls", "readlink", "touch", "test"})
    Link(root / "usr/bin" / applet, "busybox");
  Write(root / "etc/ssh/ssh_host_ed25519_key", "the image's");
  Write(root / "usr/sbin/sshd", "");
  Write(root / "usr/bin/ssh-keygen", "#!/bin/sh\necho \"$@\" > /etc/ssh/ssh_host_ed25519_key\n", 0755);
  Link(root / "run", "/var/run");
  Write(root / "var/run/.keep", "");
  Link(root / "root", "var/roothome");
  Write(root / "var/roothome/.profile", "");
  Link(root / "dev", "/nowhere");
  Link(root / "tmp", "/var/nowhere/tmp");
  Write(root / "proc", "a file");
  Link(root / "sbin/init", "/lib/systemd/systemd");
  Write(root / "lib/systemd/systemd",
        "\x7f"
        "ELF of another machine",
        0755);
  Link(root / "etc/resolv.conf", "/run/systemd/resolve/stub-resolv.conf");
  Link(root / "etc/hosts", "/nowhere/hosts");
  Write(root / "etc/machine-id", "uninitialized\n", 0444);
  ASSERT_EQ(::chmod((root / "etc").c_str(), 0555), 0);
  layout_->Make("odd");
  layout_->AddLayer("odd", root);
  Import("odd");
  const CommandResult made = Run({"vm", "create", "--name", "box", "--image", "odd"});
  ASSERT_EQ(made.status.code, 0) << made.err;
  EXPECT_THAT(made.err, HasSubstr("warning: systemd does not run, the agent is the init: run '/sbin/init'"));
  EXPECT_THAT(made.err, HasSubstr("warning: there is no os-release"));

  EXPECT_EQ(Output({"vm", "exec", "box", "--", "sh", "-c",
                    "pwd; touch /tmp/x && test -c /dev/null && test -d /proc/self && test -d /run/banger && "
                    "cat /proc/1/comm"}),
            "/\nbanger-agent\n");
  EXPECT_EQ(Output({"vm", "exec", "box", "--", "sh", "-c", "readlink -f /root; readlink -f /run"}),
            "/var/roothome\n/var/run\n");
  EXPECT_THAT(Output({"vm", "exec", "box", "--", "cat", "/proc/mounts"}),
              HasSubstr(" /var/roothome ext4 rw"));
  EXPECT_THAT(Output({"vm", "exec", "box", "--", "cat", "/etc/hosts"}), HasSubstr("\tbox\n"));
  EXPECT_THAT(Output({"vm", "exec", "box", "--", "cat", "/etc/machine-id"}), Not(HasSubstr("uninit")));
  // Where the agent is the init it also makes what sshd would ask for.
  EXPECT_TRUE(Eventually([] {
    return Output({"vm", "exec", "box", "--", "cat", "/etc/ssh/ssh_host_ed25519_key"}) ==
           "-q -t ed25519 -N  -f /etc/ssh/ssh_host_ed25519_key\n";
  }));
  EXPECT_EQ(Run({"vm", "stop", "box"}).status.code, 0);
  EXPECT_THAT(Output({"vm", "logs", "box"}), HasSubstr("systemd does not run"));
  EXPECT_EQ(Run({"vm", "delete", "box"}).status.code, 0);
}

struct Distribution {
  const char* name;
  const char* os_release;
  const char* network_unit;  // one that must not run
};

class SystemdFamiliesTest : public FamiliesTest, public ::testing::WithParamInterface<Distribution> {
 protected:
  static void SetUpTestSuite() {
    FamiliesTest::SetUpTestSuite();
    layout_->Make("systemd");
    layout_->AddLayer("systemd", Assets() / "systemd.tar");
  }
};

INSTANTIATE_TEST_SUITE_P(
    Families, SystemdFamiliesTest,
    ::testing::Values(Distribution{"fedora", "ID=fedora\n", "initial-setup.service"},
                      Distribution{"arch", "ID=arch\n", "dhcpcd.service"},
                      Distribution{"opensuse", "ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n",
                                   "wicked.service"},
                      Distribution{"foo", "ID=foo\n", "wicked.service"}),
    [](const auto& distribution) { return std::string(distribution.param.name); });

TEST_P(SystemdFamiliesTest, SystemdBecomesInitAndIsTamed) {
  const Distribution& distribution = GetParam();
  const std::string name = distribution.name;
  const fs::path root = Tree(name);
  Write(root / "usr/lib/os-release", distribution.os_release);
  Write(root / "etc/machine-id", "uninitialized\n");
  Link(root / "etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
  Write(root / "etc/.wh.hosts", "");
  Write(root / "usr/lib/systemd/system" / distribution.network_unit,
        "[Service]\nType=oneshot\nExecStart=/bin/true\n");
  Link(root / "etc/systemd/system/basic.target.wants" / distribution.network_unit,
       absl::StrCat("/usr/lib/systemd/system/", distribution.network_unit));
  const bool below_usr = name == "opensuse";
  if (below_usr) {
    Write(root / "etc/ssh/.wh.sshd_config", "");
    Write(root / "usr/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\n");
  } else {
    Write(root / "etc/ssh/sshd_config.d/01-permitrootlogin.conf", "PermitRootLogin yes\n");
  }
  layout_->Copy("systemd", name);
  layout_->AddLayer(name, root);
  Import(name);
  const CommandResult made = Run({"vm", "create", "--name", "box", "--image", name});
  ASSERT_EQ(made.status.code, 0) << made.err;
  EXPECT_EQ(made.err.find("warning: os-release (ID 'foo')") != std::string::npos, name == "foo") << made.err;

  EXPECT_EQ(Output({"vm", "exec", "box", "--", "cat", "/proc/1/comm"}), "systemd\n");
  EXPECT_EQ(Output({"vm", "exec", "box", "--", "readlink",
                    absl::StrCat("/etc/systemd/system/", distribution.network_unit)}),
            "/dev/null\n");
  const std::string config = below_usr ? "/usr/etc/ssh/sshd_config" : "/etc/ssh/sshd_config";
  const std::string sshd = Output(
      {"vm", "exec", "box", "--", "sh", "-c",
       absl::StrCat("mkdir -p /run/sshd; ssh-keygen -q -t ed25519 -N '' -f /tmp/key; sshd -T -h /tmp/key -f ",
                    config)});
  for (const char* setting : {"permitrootlogin without-password\n", "passwordauthentication no\n",
                              "kbdinteractiveauthentication no\n", "authenticationmethods publickey\n"})
    EXPECT_THAT(sshd, HasSubstr(setting));
  EXPECT_THAT(Output({"vm", "exec", "box", "--", "cat", "/etc/hosts"}), HasSubstr("\tbox\n"));
  // Once is enough, as it takes systemd a while.
  const auto has_key = [] {
    return Run({"vm", "exec", "box", "--", "test", "-s", "/etc/ssh/ssh_host_ed25519_key.pub"}).status.code ==
           0;
  };
  EXPECT_TRUE(name != "arch" || Eventually(has_key, std::chrono::minutes(5)));
  EXPECT_EQ(Run({"vm", "delete", "--force", "box"}).status.code, 0);
  EXPECT_EQ(Run({"image", "delete", name}).status.code, 0);
}

}  // namespace
}  // namespace banger::e2e
