#include "services/gateway/core/route_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banger::gateway {
namespace {

using ::testing::Eq;
using ::testing::Optional;

class RouteTableTest : public ::testing::Test {
 protected:
  void SetUp() override { routes_.Add("banger.vm.v1.VmService", "vmd", {"GetVm", "ListVms"}); }
  RouteTable routes_;
};

TEST_F(RouteTableTest, AMethodGoesToTheDaemonOfItsService) {
  EXPECT_THAT(routes_.Find("/banger.vm.v1.VmService/CreateVm"), Optional(Route{.daemon = "vmd"}));
}

TEST_F(RouteTableTest, AReadIsKnownAsOne) {
  EXPECT_THAT(routes_.Find("/banger.vm.v1.VmService/GetVm"),
              Optional(Route{.daemon = "vmd", .is_read = true}));
}

TEST_F(RouteTableTest, AMethodOfALaterVersionIsRoutedButNeverTakenForARead) {
  EXPECT_THAT(routes_.Find("/banger.vm.v1.VmService/GetSnapshot"), Optional(Route{.daemon = "vmd"}));
}

TEST_F(RouteTableTest, AnInternalMethodGoesNowhere) {
  routes_.Add("banger.image.v1.ImageService", "imaged", {"GetImage"}, {"ReleaseImage"});
  EXPECT_THAT(routes_.Find("/banger.image.v1.ImageService/ReleaseImage"), Eq(std::nullopt));
  EXPECT_THAT(routes_.Find("/banger.image.v1.ImageService/DeleteImage"), Optional(Route{.daemon = "imaged"}));
}

TEST_F(RouteTableTest, OtherServicesAndOddPathsGoNowhere) {
  for (const char* path :
       {"", "/", "//", "banger.vm.v1.VmService/GetVm", "/banger.vm.v1.VmService", "/banger.vm.v1.VmService/",
        "/banger.vm.v1/GetVm", "/VmService/GetVm", "/banger.network.v1.NetworkService/AttachTap",
        "//banger.vm.v1.VmService/GetVm", "/banger.vm.v1.VmService/x/GetVm"})
    EXPECT_THAT(routes_.Find(path), Eq(std::nullopt)) << path;
}

}  // namespace
}  // namespace banger::gateway
