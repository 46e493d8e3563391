// docs/privileges.md against the code that it speaks of.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "banger/network/v1/network_service.pb.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "services/netd/adapters/confinement.h"
#include "services/netd/adapters/system_calls.h"

namespace banger::netd {
namespace {

using ::testing::HasSubstr;

std::string Source(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(absl::StrCat(BANGER_SOURCE_DIR, "/", path));
  EXPECT_OK(text);
  return text.value_or("");
}

std::string Doc() { return Source("docs/privileges.md"); }

// The doc from a heading to the next.
std::string Section(const std::string& heading) {
  const std::string doc = Doc();
  const std::size_t begin = doc.find(absl::StrCat("## ", heading, "\n"));
  EXPECT_NE(begin, std::string::npos) << heading;
  return begin == std::string::npos ? "" : doc.substr(begin, doc.find("\n## ", begin) - begin);
}

std::set<std::string> Matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match)
    found.insert((*match)[1]);
  return found;
}

// Of the adapters, which are all that touches the host.
std::string Adapters() {
  std::string all;
  for (const auto& file :
       std::filesystem::directory_iterator(absl::StrCat(BANGER_SOURCE_DIR, "/services/netd/adapters")))
    if (file.path().extension() == ".cc" && !file.path().stem().string().ends_with("_test"))
      all += *ReadFile(file.path());
  return all;
}

TEST(PrivilegesDocTest, HasEveryMethodAndNoOther) {
  std::set<std::string> methods = {"tap.sock"};
  const auto* service = network::v1::Endpoint::descriptor()->file()->FindServiceByName("NetworkService");
  ASSERT_NE(service, nullptr);
  for (int i = 0; i < service->method_count(); ++i) methods.insert(service->method(i)->name());
  EXPECT_EQ(Matches(Section("What can be asked"), "\n\\| `([A-Za-z.]+)` \\|"), methods);
}

TEST(PrivilegesDocTest, HasTheFilesThatAreLeftToEachProcess) {
  const std::string section = Section("Three processes");
  const auto row = [&](const std::string& process) {
    const std::size_t begin = section.find(absl::StrCat("\n| `", process, "` |"));
    return section.substr(begin + 1, section.find('\n', begin + 1) - begin);
  };
  const auto expect = [&](const std::string& process, const std::vector<FileAccess>& files) {
    std::set<std::string> listed = Matches(row(process), "`(/[^` ]+)`");
    for (const FileAccess& file : files) {
      if (file.path == "/own" || file.path == "/nft") continue;
      EXPECT_EQ(listed.erase(file.path.string()), 1u) << process << ": " << file.path;
    }
    listed.erase("/etc/resolv.conf");  // what it is for, in /etc
    EXPECT_TRUE(listed.empty()) << process << ": " << absl::StrJoin(listed, " ");
  };
  expect("netd", FilesOfDaemon("/own"));
  expect("netd-nft", FilesOfNft("/nft"));
  expect("netd-resolv", FilesOfReader("/etc/resolv.conf"));
}

TEST(PrivilegesDocTest, HasTheSysctlsAndTheTapsIoctls) {
  const std::string section = Section("What netd does to the host");
  const std::string code = Adapters();
  // As in StrCat("/proc/sys/net/ipv4/conf/", interface, "/forwarding").
  std::set<std::string> sysctls;
  const std::regex pattern(R"re("(/proc/sys/net/[a-z0-9/]*/)", [a-z_]+, "(/[a-z0-9_]+)")re");
  for (std::sregex_iterator match(code.begin(), code.end(), pattern), end; match != end; ++match)
    sysctls.insert(absl::StrCat((*match)[1].str(), "INTERFACE", (*match)[2].str()));
  for (const std::string& option :
       Matches(Source("services/netd/adapters/ipv6_options.h"), "kIpv6[A-Za-z]+\\[\\] = \"([a-z0-9_]+)\""))
    sysctls.insert("/proc/sys/net/ipv6/conf/INTERFACE/" + option);
  EXPECT_EQ(Matches(section, "`(/proc/sys/[^`]+)`"), sysctls);
  EXPECT_EQ(Matches(code, "::ioctl\\([^;]*(TUNSET[A-Z]+)"), Matches(section, "`(TUNSET[A-Z]+)`"));
}

TEST(PrivilegesDocTest, HasTheCallsOverDBus) {
  const std::set<std::string> calls =
      Matches(Source("services/netd/dns/resolve1.cc"), "\"([A-Z][a-z]+Link[A-Za-z]*)\"");
  EXPECT_FALSE(calls.empty());
  for (const std::string& call : calls)
    EXPECT_THAT(Section("What netd does to the host"), HasSubstr(absl::StrCat("`", call, "`")));
}

// The three blocks, as they must be. BANGER_UPDATE_GOLDEN=1 writes them.
TEST(PrivilegesDocTest, HasTheSystemCallsOfEachProcess) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need more";
#else
  const std::string doc = Doc();
  std::vector<std::string> parts = absl::StrSplit(doc, "```text\n");
  ASSERT_EQ(parts.size(), 4u);
  const Role roles[] = {Role::kDaemon, Role::kNft, Role::kReader};
  for (std::size_t i = 0; i < 3; ++i) {
    std::string block, line;
    for (const std::string& call : SystemCallsOf(roles[i])) {
      if (line.size() + call.size() > 110) {
        absl::StrAppend(&block, line, "\n");
        line.clear();
      }
      absl::StrAppend(&line, line.empty() ? "" : " ", call);
    }
    absl::StrAppend(&block, line, "\n");
    std::string& part = parts[i + 1];
    part.replace(0, part.find("```"), block);
  }
  const std::string expected = absl::StrJoin(parts, "```text\n");
  if (std::getenv("BANGER_UPDATE_GOLDEN") != nullptr)
    std::ofstream(absl::StrCat(BANGER_SOURCE_DIR, "/docs/privileges.md")) << expected;
  else
    EXPECT_EQ(doc, expected) << "BANGER_UPDATE_GOLDEN=1 writes it";
#endif
}

}  // namespace
}  // namespace banger::netd
