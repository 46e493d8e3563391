#include "common/oci/reference.h"

#include <vector>

#include "common/testing/status_matchers.h"

namespace banger::oci {
namespace {

using ::testing::HasSubstr;

const std::string kHex(64, 'a');

struct Case {
  std::string text;
  std::string full;
  std::string id;
};

TEST(ReferenceTest, DefaultsAreFilledInAndNamesMade) {
  const std::string digest = "sha256:" + kHex;
  for (const Case& c : std::vector<Case>{
           {"debian", "docker.io/library/debian:latest", "debian"},
           {"debian:bookworm", "docker.io/library/debian:bookworm", "debian-bookworm"},
           {"debian:latest", "docker.io/library/debian:latest", "debian"},
           {"docker.io/debian", "docker.io/library/debian:latest", "debian"},
           {"index.docker.io/debian", "docker.io/library/debian:latest", "debian"},
           {"someone/app:V1.2", "docker.io/someone/app:V1.2", "app-v1.2"},
           {"reg.example/org/x:v1@" + digest, "reg.example/org/x:v1@" + digest, "x-v1"},
           {"reg.example/org/x@" + digest, "reg.example/org/x@" + digest, "x-aaaaaaaaaaaa"},
           {"reg.example/x@sha512:" + kHex + kHex, "reg.example/x@sha512:" + kHex + kHex, "x-aaaaaaaaaaaa"},
           {"localhost/a", "localhost/a:latest", "a"},
           {"localhost:5000/a/b:1", "localhost:5000/a/b:1", "b-1"},
           {"127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b:latest", "b"},
           {"[::1]:5000/a", "[::1]:5000/a:latest", "a"},
           {"[fe80::1]/a", "[fe80::1]/a:latest", "a"},
           {"Registry/a", "Registry/a:latest", "a"},
           {"reg:5000/a", "reg:5000/a:latest", "a"},
           {"a.b/c--d/e__f.g_h:_x", "a.b/c--d/e__f.g_h:_x", "e__f.g_h-_x"},
           {"0/1", "docker.io/0/1:latest", "1"},
       }) {
    const auto reference = ParseReference(c.text);
    ASSERT_OK(reference) << c.text;
    EXPECT_EQ(reference->ToString(), c.full);
    EXPECT_EQ(ImageIdOf(*reference), c.id);
    const auto again = ParseReference(reference->ToString());
    ASSERT_OK(again);
    EXPECT_EQ(*again, *reference);
  }
}

TEST(ReferenceTest, ErrorsNameTheReferenceAndWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "empty"},
      {"https://reg.example/a", "leave out 'https://'"},
      {"docker://debian", "leave out 'docker://'"},
      {"Debian", "capitals"},
      {"reg.example/Debian", "capitals"},
      {"debian:", "tag ''"},
      {"debian:a b", "tag 'a b'"},
      {"debian:.x", "tag '.x'"},
      {"debian:" + std::string(129, 'x'), "tag"},
      {"debian@sha256:12", "'sha256:12' is no digest"},
      {"debian@md5:d41d8cd98f00b204e9800998ecf8427e", "is no digest"},
      {"debian@", "'' is no digest"},
      {"debian@sha256:" + kHex + "@sha256:" + kHex, "is no digest"},
      {"reg.example/", "no repository"},
      {"reg.example//a", "slash too many"},
      {"/a", "slash too many"},
      {"a/", "slash too many"},
      {"a_/b", "'a_' is not"},
      {"a...b", "'a...b' is not"},
      {"a/../b", "'..' is not"},
      {"-a", "'-a' is not"},
      {"reg.example:0/a", "registry 'reg.example:0'"},
      {"reg.example:99999/a", "registry"},
      {"reg.example:x/a", "registry"},
      {"-reg.example/a", "registry"},
      {"reg..example/a", "registry"},
      {"[::1/a", "registry"},
      {"user:pass@reg.example/a", "is no digest"},
      {"a\nb", R"('a\nb')"},
      {std::string("a\0b", 3), R"(a\x00)"},
      {"reg.example/" + std::string(250, 'a'), "255"},
  };
  for (const auto& [text, why] : wrong)
    EXPECT_THAT(ParseReference(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why))) << text;
}

TEST(ReferenceTest, DockerHubsApiIsElsewhere) {
  EXPECT_EQ(ApiHost("docker.io"), "registry-1.docker.io");
  EXPECT_EQ(ApiHost("reg.example:5000"), "reg.example:5000");
}

}  // namespace
}  // namespace banger::oci
