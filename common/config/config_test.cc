#include "common/config/config.h"

#include <filesystem>
#include <regex>
#include <string>

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using ::testing::HasSubstr;

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }
  absl::StatusOr<Config> Load(const std::string& text) {
    const auto path = dir_.path() / "config.toml";
    EXPECT_OK(WriteFileAtomically(path, text));
    return LoadConfig({dir_.path() / "missing.toml", path});
  }
  TempDir dir_;
};

TEST_F(ConfigTest, NoFileGivesTheDefaults) {
  ASSERT_OK_AND_ASSIGN(const Config config, LoadConfig({}));
  EXPECT_EQ(config.network.bridge, "br-banger");
  EXPECT_FALSE(config.network.ipv6);
  EXPECT_EQ(config.vm_defaults, VmDefaults());
}

TEST_F(ConfigTest, TheShippedFileIsTheDefaultsAndItsExamplesAreRight) {
  const std::filesystem::path shipped = BANGER_SOURCE_DIR "/deploy/config.toml";
  ASSERT_OK_AND_ASSIGN(const Config config, LoadConfig({shipped}));
  EXPECT_EQ(config, Config());
  ASSERT_OK_AND_ASSIGN(std::string text, ReadFile(shipped, 1 << 20));
  // Examples are comments without a blank behind the '#'.
  text = std::regex_replace(text, std::regex("(^|\n)#(?=[\\[a-z])"), "$1");
  ASSERT_OK_AND_ASSIGN(const Config examples, Load(text));
  EXPECT_THAT(examples.kernel_catalogs, ::testing::SizeIs(1));
  EXPECT_THAT(examples.image_catalogs, ::testing::SizeIs(1));
  EXPECT_THAT(examples.registries, ::testing::SizeIs(1));
  EXPECT_THAT(examples.file_sync, ::testing::SizeIs(1));
}

TEST_F(ConfigTest, KeysAreRead) {
  ASSERT_OK_AND_ASSIGN(const Config config,
                       Load("vmm = \"qemu-tcg\"\nweb_listen_addr = \"127.0.0.1:7480\"\n"
                            "metrics_listen_addr = \"10.0.0.5:7481\"\n[network]\nprefix = "
                            "26\nipv6 = true\n[vm_defaults]\ndisk_size = \"512M\"\n"
                            "[images]\ncache_size = \"5G\"\n"));
  EXPECT_EQ(config.vmm, "qemu-tcg");
  EXPECT_EQ(config.web_listen_addr, "127.0.0.1:7480");
  EXPECT_EQ(config.metrics_listen_addr, "10.0.0.5:7481");
  EXPECT_EQ(config.network.prefix, 26);
  EXPECT_TRUE(config.network.ipv6);
  EXPECT_THAT(config.network.upstream_dns, ::testing::IsEmpty());
  EXPECT_EQ(config.vm_defaults.disk_size_bytes.value, 512 << 20);
  EXPECT_EQ(config.images.cache_size_bytes, std::int64_t{5} << 30);
}

TEST_F(ConfigTest, TimesHaveAUnit) {
  ASSERT_OK_AND_ASSIGN(const Config config,
                       Load("auto_stop_stale_after = \"2h\"\nstats_poll_interval = \"5s\"\n"));
  EXPECT_EQ(config.auto_stop_stale_after, std::chrono::hours(2));
  EXPECT_EQ(config.stats_poll_interval, std::chrono::seconds(5));
  EXPECT_OK(Load("auto_stop_stale_after = \"0\"\n"));
  for (const char* wrong : {"10", "", "s", "-1s", "1.5h", "1w", "99999999999999999999s", "9999999d"})
    EXPECT_THAT(Load(std::string("auto_stop_stale_after = \"") + wrong + "\"\n"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("auto_stop_stale_after")))
        << wrong;
  EXPECT_THAT(Load("stats_poll_interval = \"0\"\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is less than 1s")));
}

TEST_F(ConfigTest, EachDefaultOfVmsKnowsItsFile) {
  const auto system = dir_.path() / "system.toml";
  const auto user = dir_.path() / "user.toml";
  ASSERT_OK(WriteFileAtomically(system, "[vm_defaults]\nvcpu = 3\nmemory_mib = 700\n"));
  ASSERT_OK(WriteFileAtomically(user, "[vm_defaults]\nmemory_mib = 900\n"));
  ASSERT_OK_AND_ASSIGN(const Config config, LoadConfig({system, user}));
  EXPECT_EQ(config.vm_defaults.vcpu, (ConfiguredNumber{3, system}));
  EXPECT_EQ(config.vm_defaults.memory_mib, (ConfiguredNumber{900, user}));
  EXPECT_EQ(config.vm_defaults.disk_size_bytes, ConfiguredNumber());
}

TEST_F(ConfigTest, WhatIsWrongIsNamedWithItsLine) {
  EXPECT_THAT(Load("log_level = \"info\"\ncolour = 1\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("config.toml:2: colour")));
  EXPECT_THAT(Load("[network]\nbrigde = \"x\"\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("config.toml:2: network.brigde")));
  EXPECT_THAT(Load("[network]\nupstream_dns = [1]\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("network.upstream_dns is not a list of strings")));
  EXPECT_THAT(
      Load("[network]\nipv6 = \"yes\"\n"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("network.ipv6 is neither true nor false")));
  EXPECT_THAT(Load("[network]\nprefix = 99\n"), StatusIs(absl::StatusCode::kInvalidArgument,
                                                         HasSubstr("network.prefix is not a whole number")));
  EXPECT_THAT(Load("vmm = 3\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("vmm is not a string")));
  EXPECT_THAT(Load("vmm = \n"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("config.toml:1")));
}

TEST_F(ConfigTest, DirectoriesForImagesInPlaceAreAbsolute) {
  ASSERT_OK_AND_ASSIGN(const Config config, Load("[images]\nin_place_dirs = [\"/srv/images\", \"/a\"]\n"));
  EXPECT_THAT(config.images.in_place_dirs, testing::ElementsAre("/srv/images", "/a"));
  for (const char* wrong : {"[\"images\"]", "[\"/\"]", "[\"/a/\"]", "[\"/a/../b\"]", "[3]", "\"/a\""})
    EXPECT_THAT(Load(std::string("[images]\nin_place_dirs = ") + wrong),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("images.in_place_dirs")))
        << wrong;
}

TEST_F(ConfigTest, ImageCatalogsAreAListOfTheirOwn) {
  ASSERT_OK_AND_ASSIGN(const Config config,
                       Load("[[image_catalogs]]\nurl = \"https://a/c.json\"\npublic_key = \"RWQ1\"\n"));
  ASSERT_EQ(config.image_catalogs.size(), 1U);
  EXPECT_TRUE(config.kernel_catalogs.empty());
}

TEST_F(ConfigTest, CatalogsAreAListOfAddressAndKey) {
  const std::string one = "[[kernel_catalogs]]\nurl = \"https://a/c.json\"\npublic_key = \"RWQ1\"\n";
  ASSERT_OK_AND_ASSIGN(const Config config,
                       Load(one + "[[kernel_catalogs]]\nurl = \"/c\"\npublic_key = \"k\"\n"));
  ASSERT_EQ(config.kernel_catalogs.size(), 2U);
  EXPECT_EQ(config.kernel_catalogs[0].url, "https://a/c.json");
  EXPECT_EQ(config.kernel_catalogs[0].public_key, "RWQ1");
  EXPECT_EQ(config.kernel_catalogs[1].url, "/c");
  const auto wrong = [](const std::string& what) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what));
  };
  EXPECT_THAT(Load("[[kernel_catalogs]]\nurl = \"/c\"\n"),
              wrong("kernel_catalogs needs both url and public_key"));
  EXPECT_THAT(Load(one + "key = 1\n"), wrong("config.toml:4: kernel_catalogs.key is not a key"));
  EXPECT_THAT(Load("kernel_catalogs = \"/c\"\n"), wrong("config.toml:1: kernel_catalogs is not a list"));
  EXPECT_THAT(Load("[kernel_catalogs]\nurl = \"/c\"\n"), wrong("is not a list"));
}

TEST_F(ConfigTest, RegistriesHaveMirrorsAndCertificates) {
  ASSERT_OK_AND_ASSIGN(const Config config,
                       Load("[[registries]]\nhost = \"docker.io\"\nmirrors = [\"m:5000\", \"n\"]\n"
                            "[[registries]]\nhost = \"m:5000\"\ninsecure = true\nca = \"/ca.pem\"\n"
                            "client_cert = \"/c.pem\"\nclient_key = \"/k.pem\"\n"));
  ASSERT_EQ(config.registries.size(), 2U);
  EXPECT_EQ(config.registries[0].mirrors, (std::vector<std::string>{"m:5000", "n"}));
  EXPECT_FALSE(config.registries[0].insecure);
  EXPECT_TRUE(config.registries[1].insecure);
  EXPECT_EQ(config.registries[1].ca, "/ca.pem");
  EXPECT_EQ(config.registries[1].client_cert, "/c.pem");
  EXPECT_EQ(config.registries[1].client_key, "/k.pem");
}

TEST_F(ConfigTest, WrongRegistriesAreNamed) {
  const std::string one = "[[registries]]\nhost = \"a\"\n";
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {one + "password = \"x\"\n", "config.toml:3: registries.password is not a key"},
      {one + "insecure = \"yes\"\n", "config.toml:3: registries.insecure is neither true nor false"},
      {one + "mirrors = \"m\"\n", "registries.mirrors is not a list of hosts"},
      {one + "mirrors = [\"https://m\"]\n", "registries.mirrors is not a list of hosts"},
      {one + "ca = \"ca.pem\"\n", "registries.ca is not an absolute path"},
      {"[[registries]]\nhost = \"https://a\"\n", "needs a host"},
      {"[[registries]]\ninsecure = true\n", "needs a host"},
      {"registries = [\"a\"]\n", "is not a list of tables"}};
  for (const auto& [text, what] : wrong)
    EXPECT_THAT(Load(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what))) << text;
}

TEST_F(ConfigTest, FilesToSyncHaveTwoPathsAndAMode) {
  ASSERT_OK_AND_ASSIGN(const Config config,
                       Load("[[file_sync]]\nhost = \"~/.netrc\"\nguest = \"~/.netrc\"\n"
                            "[[file_sync]]\nhost = \"/etc/x\"\nguest = \"/etc/y\"\nmode = \"0644\"\n"));
  EXPECT_EQ(config.file_sync,
            (std::vector<FileSyncConfig>{{.host = "~/.netrc", .guest = "~/.netrc"},
                                         {.host = "/etc/x", .guest = "/etc/y", .mode = 0644}}));
  const std::string one = "[[file_sync]]\nhost = \"/a\"\n";
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {one, "config.toml:1: file_sync needs both host and guest"},
      {one + "guest = \"b\"\n", "file_sync.guest is no path of a file"},
      {one + "guest = \"/b/\"\n", "file_sync.guest is no path of a file"},
      {one + "guest = \"~/../b\"\n", "file_sync.guest is no path of a file"},
      {one + "mode = 600\n", "config.toml:3: file_sync.mode is no mode such as \"0600\""},
      {one + "mode = \"4755\"\n", "file_sync.mode is no mode"},
      {one + "owner = \"me\"\n", "file_sync.owner is not a key"},
      {"file_sync = \"x\"\n", "file_sync is not a list of tables"}};
  for (const auto& [text, what] : wrong)
    EXPECT_THAT(Load(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what))) << text;
}

TEST_F(ConfigTest, TheTcpListenerIsOffAndItsFilesAreAbsolute) {
  EXPECT_EQ(Config().gateway.listen, "");
  ASSERT_OK_AND_ASSIGN(const Config config,
                       Load("[gateway]\nlisten = \"[::]:7443\"\nclient_crl = \"/etc/crl.pem\"\n"));
  EXPECT_EQ(config.gateway.listen, "[::]:7443");
  EXPECT_EQ(config.gateway.client_crl, "/etc/crl.pem");
  EXPECT_THAT(Load("[gateway]\nkey = \"server.key\"\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("gateway.key is not an absolute path")));
}

TEST_F(ConfigTest, RolesAtTheSocketAreListsOfUsersAndGroups) {
  ASSERT_OK_AND_ASSIGN(const Config config,
                       Load("[gateway]\noperators = [\"alice\", \"@dev\"]\nothers = \"none\"\n"));
  EXPECT_EQ(config.gateway.operators, (std::vector<std::string>{"alice", "@dev"}));
  EXPECT_EQ(config.gateway.others, "none");
  EXPECT_THAT(Load("[gateway]\nothers = \"root\"\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("gateway.others is none of")));
}

TEST_F(ConfigTest, SizesHaveUnits) {
  EXPECT_THAT(ParseSize("512"), IsOkAndHolds(512));
  EXPECT_THAT(ParseSize("64k"), IsOkAndHolds(64 << 10));
  EXPECT_THAT(ParseSize("8G"), IsOkAndHolds(std::int64_t{8} << 30));
  for (const char* wrong : {"", "G", "-1", "8X", "8.5G", "99999999999T"})
    EXPECT_THAT(ParseSize(wrong), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(wrong)));
}

}  // namespace
}  // namespace banger
