#include "services/gateway/core/route_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banger::gateway {
namespace {

using ::testing::Field;
using ::testing::IsNull;
using ::testing::Pointee;

class RouteTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    routes_.Add("/banger.vm.v1.VmService/GetVm", "vmd", {.is_read = true});
    routes_.Add("/banger.vm.v1.VmService/StopVm", "vmd", {});
  }
  RouteTable routes_;
};

TEST_F(RouteTableTest, AMethodGoesToItsDaemon) {
  EXPECT_THAT(routes_.Find("/banger.vm.v1.VmService/StopVm"),
              Pointee(Route{.daemon = "vmd", .policy = FindPolicy("/banger.vm.v1.VmService/StopVm")}));
}

TEST_F(RouteTableTest, AReadIsKnownAsOne) {
  EXPECT_THAT(routes_.Find("/banger.vm.v1.VmService/GetVm"),
              Pointee(Field(&Route::traits, MethodTraits{.is_read = true})));
}

TEST_F(RouteTableTest, WhatNobodyMayCallGoesNowhere) {
  routes_.Add("/banger.image.v1.ImageService/ReleaseImage", "imaged", {});
  EXPECT_THAT(routes_.Find("/banger.image.v1.ImageService/ReleaseImage"), IsNull());
}

TEST_F(RouteTableTest, AMethodOfALaterVersionGoesNowhere) {
  routes_.Add("/banger.vm.v1.VmService/GetEverything", "vmd", {.is_read = true});
  EXPECT_THAT(routes_.Find("/banger.vm.v1.VmService/GetEverything"), IsNull());
}

TEST_F(RouteTableTest, OtherServicesAndOddPathsGoNowhere) {
  for (const char* path :
       {"", "/", "//", "banger.vm.v1.VmService/GetVm", "/banger.vm.v1.VmService", "/banger.vm.v1.VmService/",
        "/banger.vm.v1/GetVm", "/VmService/GetVm", "/banger.network.v1.NetworkService/AttachTap",
        "//banger.vm.v1.VmService/GetVm", "/banger.vm.v1.VmService/x/GetVm"})
    EXPECT_THAT(routes_.Find(path), IsNull()) << path;
}

}  // namespace
}  // namespace banger::gateway
