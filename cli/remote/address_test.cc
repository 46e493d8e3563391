#include "cli/remote/address.h"

#include <gtest/gtest.h>

namespace banger::cli {
namespace {

TEST(AddressTest, IsAHostAndAPort) {
  EXPECT_EQ(ParseAddress("lab.example.org:7443")->host, "lab.example.org");
  EXPECT_EQ(ParseAddress("lab:7443")->port, "7443");
  EXPECT_EQ(ParseAddress("[2001:db8::7]:65535")->host, "2001:db8::7");
  for (const char* wrong : {"", ":", "lab", "lab:", ":1", "lab:0", "lab:65536", "lab:1x", "lab:+1", "::1:5",
                            "[::1]", "[]:5", "[lab]:5", "[::1:5", "a b:5", "a/b:5", "a%b:5", "a@b:5"})
    EXPECT_FALSE(ParseAddress(wrong).has_value()) << wrong;
}

TEST(AddressTest, IsNeverMoreThanAHostToGrpc) {
  EXPECT_EQ(GrpcTarget({.host = "unix", .port = "1"}), "dns:///unix:1");
  EXPECT_EQ(GrpcTarget({.host = "::1", .port = "7443"}), "dns:///%5B::1%5D:7443");
}

}  // namespace
}  // namespace banger::cli
