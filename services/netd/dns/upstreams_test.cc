// Which servers there are, and how their addresses are written.
#include "services/netd/dns/upstreams.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"

namespace banger::netd::dns {
namespace {

using ::testing::ElementsAre;

TEST(UpstreamsTest, AreThoseOfResolvConfAndReadAgainWhenItChanges) {
  ASSERT_OK_AND_ASSIGN(const TempDir directory, TempDir::Create());
  const auto file = directory.path() / "resolv.conf";
  ASSERT_OK(WriteFileAtomically(file,
                                "# nameserver 9.9.9.9\nsearch example.org\nnameserver\t192.0.2.1 \n"
                                "nameserver 172.30.0.1\nnameserver fe80::1%lo\nnameserver what\n"
                                "nameserver 2001:db8::1\nnameserver 192.0.2.9\n"));
  Upstreams upstreams({.resolv_conf = file,
                       .read_resolv_conf = [&] { return ReadFile(file); },
                       .ours = {SocketAddress(*Ipv4::Parse("172.30.0.1"), 53)}});
  std::vector<std::string> texts;
  for (const SocketAddress& server : upstreams.Current()) texts.push_back(server.ToString());
  EXPECT_THAT(texts, ElementsAre("192.0.2.1:53", "[fe80::1]:53", "[2001:db8::1]:53"));
  ASSERT_OK(WriteFileAtomically(file, "nameserver 192.0.2.2\n"));
  ASSERT_TRUE(Eventually([&] { return upstreams.Current().size() == 1; }));
  EXPECT_EQ(upstreams.Current()[0].ToString(), "192.0.2.2:53");
  std::filesystem::remove(file);
  EXPECT_TRUE(Eventually([&] { return upstreams.Current().empty(); }));
}

TEST(SocketAddressTest, TakesAddressesWithAndWithoutPort) {
  const auto text = [](const char* from) { return SocketAddress::Parse(from, 53)->ToString(); };
  EXPECT_EQ(text("192.0.2.1"), "192.0.2.1:53");
  EXPECT_EQ(text("192.0.2.1:5353"), "192.0.2.1:5353");
  EXPECT_EQ(text("2001:db8::1"), "[2001:db8::1]:53");
  EXPECT_EQ(text("[::1]:5353"), "[::1]:5353");
  for (const char* wrong : {"", "localhost", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:99999", "192.0.2.1:x",
                            "[::1", "[::1]5353", "[192.0.2.1]:53", "192.0.2.1 "})
    EXPECT_THAT(SocketAddress::Parse(wrong, 53), StatusIs(absl::StatusCode::kInvalidArgument)) << wrong;
}

}  // namespace
}  // namespace banger::netd::dns
