// The commands that show, import and remove kernels and images.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cli/testing/cli_fixture.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "common/version/version.h"

namespace banger::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::int64_t HoursAgo(int hours) {
  const auto then = std::chrono::system_clock::now() - std::chrono::hours(hours) - std::chrono::minutes(1);
  return std::chrono::duration_cast<std::chrono::seconds>(then.time_since_epoch()).count();
}

class ResourcesTest : public CliTest {
 protected:
  ResourcesTest() {
    kernel::v1::Kernel& kernel = *state_.kernels.add_kernels();
    kernel.set_name("kernels/debian-6.1");
    kernel.set_distro("debian");
    kernel.set_arch("x86_64");
    kernel.set_kernel_version("6.1.0-37-cloud-amd64");
    kernel.set_size_bytes(60 << 20);
    kernel.set_source("import:evil\033[2Jname");
    kernel.mutable_import_time()->set_seconds(HoursAgo(3));
    image::v1::Image& image = *state_.images.add_images();
    image.set_name("images/mini");
    image.set_size_bytes(std::int64_t{1} << 30);
    image.set_disk_bytes(3 << 20);
    image.set_source("built-in");
  }
};

TEST_F(ResourcesTest, PruneSaysHowMuchItFreed) {
  EXPECT_EQ(Run({"image", "cache", "prune"}).out, "freed 3M in 2 blobs\n");
  EXPECT_EQ(Run({"image", "cache", "prune", "--dry-run"}).out,
            "would free 3M in 2 blobs; 1M stay, as pulls are using them\n");
  EXPECT_THAT(Run({"image", "cache", "prune", "--format", "json"}).out,
              HasSubstr("\"freed_bytes\": \"3145728\""));
}

TEST_F(ResourcesTest, ListPrintsATableWithoutControlCharacters) {
  const CommandResult result = Run({"kernel", "list"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(
      result.out,
      "NAME         DISTRO   ARCH     VERSION                SIZE   IMPORTED      SOURCE\n"
      "debian-6.1   debian   x86_64   6.1.0-37-cloud-amd64   60M    3 hours ago   import:evil?[2Jname\n");
  EXPECT_EQ(Run({"image", "list"}).out,
            "NAME   OS   ARCH   KERNEL      SIZE   ON DISK   CREATED   SOURCE\n"
            "mini   -    -      (default)   1G     3M        -         built-in\n");
}

TEST_F(ResourcesTest, ListMergesAllPages) {
  state_.page_size = 1;
  for (const char* name : {"kernels/b", "kernels/c"}) state_.kernels.add_kernels()->set_name(name);
  const CommandResult result = Run({"kernel", "list", "--format", "json"});
  EXPECT_THAT(result.out, HasSubstr("\"name\": \"kernels/debian-6.1\""));
  EXPECT_THAT(result.out, HasSubstr("\"name\": \"kernels/c\""));
  EXPECT_THAT(result.out, HasSubstr("\"kernel_version\": \"6.1.0-37-cloud-amd64\""));
  EXPECT_THAT(result.out, HasSubstr("\"next_page_token\": \"\""));
}

TEST_F(ResourcesTest, WhatIsAvailableIsListedWithItsState) {
  const auto add = [this](const std::string& name, kernel::v1::CatalogEntry::State state) {
    kernel::v1::CatalogEntry& entry = *state_.catalog.add_entries();
    entry.set_name("kernels/" + name);
    entry.set_state(state);
    entry.set_catalog("built-in");
    return &entry;
  };
  add("debian-6.1", kernel::v1::CatalogEntry::STATE_PULLED)->set_distro("debian");
  add("generic-6.1", kernel::v1::CatalogEntry::STATE_UPDATE)->set_size_bytes(12 << 20);
  add("generic-6.12", kernel::v1::CatalogEntry::STATE_AVAILABLE)->set_kernel_version("6.12.1\033[2J");
  state_.catalog.add_warnings("kernel catalog https://x/c: gone\n");
  state_.page_size = 2;
  const CommandResult result = Run({"kernel", "list", "--available"});
  EXPECT_EQ(result.out,
            "NAME           DISTRO   ARCH   VERSION      SIZE   STATE       SOURCE\n"
            "debian-6.1     debian   -      -            -      pulled      built-in\n"
            "generic-6.1    -        -      -            12M    update      built-in\n"
            "generic-6.12   -        -      6.12.1?[2J   -      available   built-in\n");
  EXPECT_EQ(result.err, "warning: kernel catalog https://x/c: gone?\n");
  EXPECT_EQ(result.status.code, 0);
  const CommandResult json = Run({"kernel", "list", "--available", "--format", "json"});
  EXPECT_THAT(json.out, HasSubstr("\"state\": \"STATE_UPDATE\""));
  EXPECT_THAT(json.out, HasSubstr("\"name\": \"kernels/generic-6.12\""));
}

TEST_F(ResourcesTest, ShowPrintsTheMessageAsJson) {
  const CommandResult result = Run({"kernel", "show", "debian-6.1"});
  EXPECT_THAT(result.out, StartsWith("{\n \"name\": \"kernels/debian-6.1\""));
  EXPECT_THAT(result.out, HasSubstr("\"has_initrd\": false"));
  EXPECT_THAT(Run({"image", "show", "mini", "--format", "table"}).out, StartsWith("NAME   OS"));
}

TEST_F(ResourcesTest, ErrorsHaveReasonHintAndRequestId) {
  state_.Fail("GetKernel", ApiError(absl::StatusCode::kNotFound, "KERNEL_NOT_FOUND", "kernel 'x' not found",
                                    {{"kernel", "x"}}));
  const CommandResult result = Run({"kernel", "show", "x"});
  EXPECT_EQ(result.status.code, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err,
            absl::StrCat("banger: show kernel 'x': kernel 'x' not found (KERNEL_NOT_FOUND)\n"
                         "hint: list kernels with 'banger kernel list', or pull one with 'banger kernel "
                         "pull'\nrequest: ",
                         state_.LastRequestId(), "\n"));
}

TEST_F(ResourcesTest, RemoveSaysWhatItRemoved) {
  EXPECT_EQ(Run({"kernel", "rm", "debian-6.1"}).out, "debian-6.1\n");
  EXPECT_EQ(Run({"image", "delete", "mini"}).out, "mini\n");
  EXPECT_THAT(state_.Events(), ElementsAre("deleted kernels/debian-6.1", "deleted images/mini"));
}

TEST_F(ResourcesTest, PullShowsEachStageOnceWithoutATerminal) {
  const CommandResult result = Run({"kernel", "pull", "debian-6.1", "--force"});
  EXPECT_EQ(result.out, "debian-6.1\n");
  EXPECT_EQ(result.err, "pull kernel 'debian-6.1': download\npull kernel 'debian-6.1': unpack\n");
  EXPECT_THAT(state_.Events(), ElementsAre("pulled kernels/debian-6.1 with force"));
}

TEST_F(ResourcesTest, ImagePullSendsTheLoginOfItsRegistryOnly) {
  const std::string logins = WriteFile(
      "logins.json", R"({"auths":{"reg.example":{"auth":"bWU6czNjcmV0"},"docker.io":{"auth":"aHViOng="}}})");
  const CommandResult result =
      Run({"image", "pull", "reg.example/team/app:v1", "--auth-file", logins, "--name", "app", "--kernel-ref",
           "k", "--size", "2G", "--platform", "linux/amd64", "--insecure"});
  EXPECT_EQ(result.out, "app\n") << result.err;
  EXPECT_EQ(result.err, "pull image 'reg.example/team/app:v1': resolve reg.example/team/app:v1\n");
  EXPECT_EQ(state_.pull.name(), "images/app");
  EXPECT_EQ(state_.pull.kernel(), "kernels/k");
  EXPECT_EQ(state_.pull.size_bytes(), std::int64_t{2} << 30);
  EXPECT_EQ(state_.pull.platform(), "linux/amd64");
  EXPECT_TRUE(state_.pull.insecure());
  EXPECT_EQ(state_.pull.credentials().username(), "me");
  EXPECT_EQ(state_.pull.credentials().password(), "s3cret");

  EXPECT_EQ(Run({"image", "pull", "other.example/app", "--auth-file", logins}).out, "made-up\n");
  EXPECT_FALSE(state_.pull.has_credentials());
  EXPECT_EQ(Run({"image", "pull", "app", "--auth-file", "/nowhere"}).status.code, 3);
}

TEST_F(ResourcesTest, LoginsWantAPasswordFromSomewhere) {
  EXPECT_EQ(Run({"image", "login", "reg.example", "-u", "me", "--password-stdin"}, "\n").status.code, 2);
  EXPECT_EQ(Run({"image", "login", "https://reg.example", "-u", "me", "--password-stdin"}, "x").status.code,
            2);
  EXPECT_EQ(Run({"image", "login", "reg.example", "-u", "m:e", "--password-stdin"}, "x").status.code, 2);
  EXPECT_EQ(Run({"image", "login", "reg.example"}).status.code, 2);
}

TEST_F(ResourcesTest, ImportStreamsTheFileAndItsSpec) {
  const std::string content =
      "\x7f"
      "ELF" +
      std::string(3 << 20, 'k');
  const std::string file = WriteFile("vmlinux-6.1", content);
  const CommandResult result =
      Run({"kernel", "import", "mine", "--from", file, "--distro", "debian", "--arch", "x86_64", "--force"});
  EXPECT_EQ(result.out, "mine\n") << result.err;
  EXPECT_EQ(state_.kernel_spec.name(), "kernels/mine");
  EXPECT_EQ(state_.kernel_spec.format(), kernel::v1::ImportKernelRequest::FORMAT_IMAGE);
  EXPECT_EQ(state_.kernel_spec.source(), "vmlinux-6.1");
  EXPECT_EQ(state_.kernel_spec.total_bytes(), static_cast<std::int64_t>(content.size()));
  EXPECT_EQ(state_.kernel_spec.distro(), "debian");
  EXPECT_TRUE(state_.kernel_spec.force());
  EXPECT_TRUE(state_.received == content);
}

TEST_F(ResourcesTest, ImportPacksADirectoryWithItsSymbolicLinks) {
  WriteFile("root/boot/vmlinuz-6.1", "kernel");
  WriteFile("root/lib/modules/6.1/a.ko", "module");
  WriteFile("root/home/secret", "not a kernel");
  std::filesystem::create_symlink("/usr/src/linux", directory_.path() / "root/lib/modules/6.1/build");
  std::filesystem::create_hard_link(directory_.path() / "root/lib/modules/6.1/a.ko",
                                    directory_.path() / "root/lib/modules/6.1/b.ko");
  const CommandResult result =
      Run({"kernel", "import", "mine", "--from", (directory_.path() / "root").string()});
  ASSERT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(state_.kernel_spec.format(), kernel::v1::ImportKernelRequest::FORMAT_TREE);
  const CommandResult listing = *RunCommand({.argv = {"tar", "-tv"}}, state_.received);
  EXPECT_THAT(listing.out, HasSubstr("boot/vmlinuz-6.1"));
  EXPECT_THAT(listing.out, HasSubstr("lib/modules/6.1/build -> /usr/src/linux"));
  EXPECT_THAT(listing.out, HasSubstr("lib/modules/6.1/b.ko\n"));  // a file of its own
  EXPECT_THAT(listing.out, Not(HasSubstr("secret")));
}

TEST_F(ResourcesTest, ImportOfAnImageReadsATarFromStdin) {
  WriteFile("root/etc/os-release", "NAME=x");
  const std::string root = (directory_.path() / "root").string();
  for (const char* compression : {"--gzip", "--xz", "--zstd", "--lzma", "--bzip2", "--no-auto-compress"}) {
    const CommandResult tar = *RunCommand({.argv = {"tar", compression, "-C", root, "-c", "."}});
    const CommandResult result =
        Run({"image", "import", "deb", "--from", "-", "--kernel-ref", "k", "--size", "2G"}, tar.out);
    ASSERT_EQ(result.out, "deb\n") << compression << result.err;
    EXPECT_EQ(state_.image_spec.format(), image::v1::ImportImageRequest::FORMAT_ROOTFS_TAR);
    EXPECT_EQ(state_.image_spec.kernel(), "kernels/k");
    EXPECT_EQ(state_.image_spec.size_bytes(), std::int64_t{2} << 30);
    EXPECT_EQ(state_.image_spec.source(), "stdin");
    EXPECT_TRUE(state_.received == tar.out) << compression;
  }
}

TEST_F(ResourcesTest, ImportTellsAnOciLayoutByItsContent) {
  WriteFile("oci/oci-layout", "{}");
  WriteFile("oci/index.json", "{}");
  WriteFile("oci/blobs/sha256/aa", "blob");
  const std::string oci = (directory_.path() / "oci").string();
  ASSERT_EQ(Run({"image", "import", "app", "--from", oci, "--reference", "latest"}).out, "app\n");
  EXPECT_EQ(state_.image_spec.format(), image::v1::ImportImageRequest::FORMAT_OCI_LAYOUT);
  EXPECT_EQ(state_.image_spec.reference(), "latest");
  EXPECT_EQ(state_.image_spec.source(), "oci");
  const std::string archive = WriteFile(
      "app.tar", RunCommand({.argv = {"tar", "-C", oci, "-c", "blobs", "index.json", "oci-layout"}})->out);
  ASSERT_EQ(Run({"image", "import", "app", "--from", archive}).out, "app\n");
  EXPECT_EQ(state_.image_spec.format(), image::v1::ImportImageRequest::FORMAT_OCI_LAYOUT);
}

TEST_F(ResourcesTest, ImportEndsWhenTheDaemonRefusesWhileStdinStaysOpen) {
  state_.Fail("ImportImage",
              ApiError(absl::StatusCode::kAlreadyExists, "IMAGE_EXISTS", "image 'deb' exists"));
  WriteFile("root/big", std::string(4 << 20, 'x'));
  const std::string tar = RunCommand({.argv = {"tar", "-C", directory_.path().string(), "-c", "root"}})->out;
  int pipes[2];
  ASSERT_EQ(::pipe2(pipes, O_CLOEXEC), 0);
  Subprocess program = Start({"image", "import", "deb", "--from", "-"}, pipes[0]);
  ::close(pipes[0]);
  std::signal(SIGPIPE, SIG_IGN);
  // Enough to tell what it is; the end never comes.
  for (std::size_t at = 0; at < tar.size();) {
    const ssize_t n = ::write(pipes[1], tar.data() + at, tar.size() - at);
    if (n <= 0) break;
    at += static_cast<std::size_t>(n);
  }
  EXPECT_EQ(program.Wait()->code, 1);
  ::close(pipes[1]);
}

TEST_F(ResourcesTest, CtrlCCancelsAnImport) {
  WriteFile("root/big", std::string(2 << 20, 'x'));
  const std::string tar = RunCommand({.argv = {"tar", "-C", directory_.path().string(), "-c", "root"}})->out;
  int pipes[2];
  ASSERT_EQ(::pipe2(pipes, O_CLOEXEC), 0);
  Subprocess program = Start({"image", "import", "deb", "--from", "-"}, pipes[0]);
  ::close(pipes[0]);
  ASSERT_EQ(::write(pipes[1], tar.data(), tar.size()), static_cast<ssize_t>(tar.size()));
  ASSERT_TRUE(state_.WaitFor("import begun"));
  ASSERT_OK(program.Signal(SIGINT));
  EXPECT_EQ(program.Wait()->code, 130);
  EXPECT_TRUE(state_.WaitFor("import cancelled"));
  ::close(pipes[1]);
}

TEST_F(ResourcesTest, WrongSourcesAreNamedBeforeAnythingIsAsked) {
  const std::string text = WriteFile("notes.txt", "hello");
  const std::string directory = (directory_.path() / "empty").string();
  std::filesystem::create_directory(directory);
  for (const std::string& path : {text, directory, std::string("/nonexistent")}) {
    for (const char* noun : {"kernel", "image"}) {
      const CommandResult result = Run({noun, "import", "x", "--from", path});
      EXPECT_NE(result.status.code, 0);
      EXPECT_THAT(result.err, HasSubstr(path)) << noun;
    }
  }
  EXPECT_EQ(state_.Calls("ImportKernel") + state_.Calls("ImportImage"), 0);
}

TEST_F(ResourcesTest, VersionListsTheDaemonsAndWarnsOfDrift) {
  system::v1::Daemon& same = *state_.daemons.add_daemons();
  same.set_name("daemons/vmd");
  same.set_version(GetBuildInfo().version);
  same.set_commit(GetBuildInfo().commit);
  EXPECT_EQ(Run({"version"}).err, "");
  system::v1::Daemon& other = *state_.daemons.add_daemons();
  other.set_name("daemons/netd");
  other.set_version("0.0.1");
  system::v1::Daemon& down = *state_.daemons.add_daemons();
  down.set_name("daemons/kerneld");
  down.set_error("no answer within 1 s");
  const CommandResult result = Run({"version"});
  EXPECT_EQ(result.status.code, 0);
  EXPECT_THAT(result.out, HasSubstr("netd      0.0.1"));
  EXPECT_THAT(result.err, HasSubstr("warning: netd is of another build"));
  EXPECT_THAT(result.err, HasSubstr("warning: kerneld does not answer: no answer within 1 s"));
}

TEST_F(ResourcesTest, CompletionNamesAreLiveAndSilentWithoutADaemon) {
  EXPECT_EQ(Run({"__names", "kernels"}).out, "debian-6.1\n");
  for (const auto& [name, state] : {std::pair("kernels/a", kernel::v1::CatalogEntry::STATE_PULLED),
                                    std::pair("kernels/b", kernel::v1::CatalogEntry::STATE_AVAILABLE),
                                    std::pair("kernels/c", kernel::v1::CatalogEntry::STATE_UPDATE)}) {
    state_.catalog.add_entries()->set_name(name);
    state_.catalog.mutable_entries()->rbegin()->set_state(state);
  }
  EXPECT_EQ(Run({"__names", "catalog-kernels"}).out, "b\nc\na\n") << "what is here comes last";
  for (const auto& [name, state] : {std::pair("images/a", image::v1::CatalogImage::STATE_PULLED),
                                    std::pair("images/b", image::v1::CatalogImage::STATE_AVAILABLE)}) {
    state_.image_catalog.add_images()->set_name(name);
    state_.image_catalog.mutable_images()->rbegin()->set_state(state);
  }
  EXPECT_EQ(Run({"__names", "catalog-images"}).out, "b\na\n");
  state_.Fail("ListImages", absl::UnavailableError("imaged is down"));
  const CommandResult result = Run({"__names", "images"});
  EXPECT_EQ(result.status.code, 0);
  EXPECT_EQ(result.out + result.err, "");
}

}  // namespace
}  // namespace banger::cli
