#include "services/netd/core/endpoint.h"

#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::netd {
namespace {

TEST(EndpointTest, AcceptsIdsOfItsAlphabet) {
  for (const std::string& id : {std::string("a"), std::string("0-9-z"), std::string(64, 'x')})
    EXPECT_OK(CheckEndpointId(id));
}

TEST(EndpointTest, NamesTheIdThatItRefuses) {
  for (const std::string& id :
       {std::string(), std::string(65, 'x'), std::string("A"), std::string("a/b"), std::string("a\n"),
        std::string("a\0b", 3), std::string("ä"), std::string("a:b")}) {
    const absl::Status checked = CheckEndpointId(id);
    EXPECT_THAT(checked, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(ErrorReason(checked), "ENDPOINT_ID_INVALID");
  }
}

TEST(EndpointTest, HostnamesAreDnsLabelsOrNone) {
  for (const std::string& name :
       {std::string(), std::string("web"), std::string("0-9"), std::string(63, 'x')})
    EXPECT_OK(CheckHostname(name));
  for (const std::string& name :
       {std::string(64, 'x'), std::string("-a"), std::string("a-"), std::string("a.b"), std::string("A"),
        std::string("a b"), std::string("a\0", 2), std::string("ä")}) {
    const absl::Status checked = CheckHostname(name);
    EXPECT_THAT(checked, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(ErrorReason(checked), "HOSTNAME_INVALID");
  }
}

TEST(EndpointTest, TapNamesHoldTheAddress) {
  const Ipv4 address = *Ipv4::Parse("10.0.0.9");
  EXPECT_EQ(TapName(address), "bgr-0a000009");
  EXPECT_THAT(AddressOfTap("bgr-0a000009"), IsOkAndHolds(address));
}

TEST(EndpointTest, OtherInterfaceNamesAreNoTaps) {
  for (const char* name :
       {"", "eth0", "bgr-", "bgr-0a00000", "bgr-0A000009", "bgr-0a0000090", "bgr-0x000009", "xbgr-0a000009"})
    EXPECT_THAT(AddressOfTap(name), StatusIs(absl::StatusCode::kNotFound)) << name;
}

}  // namespace
}  // namespace banger::netd
