#include "services/gateway/services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace banger::gateway {
namespace {

TEST(ServicesTest, EveryServiceHasOneDaemonAndNetdIsNotAmongThem) {
  std::set<std::string> daemons;
  for (const ForwardedService& service : ForwardedServices()) {
    EXPECT_TRUE(daemons.insert(service.daemon).second);
    EXPECT_GT(service.descriptor->method_count(), 0);
  }
  EXPECT_EQ(daemons, (std::set<std::string>{"imaged", "kerneld", "vmd"}));
}

TEST(ServicesTest, OnlyUnaryGetsAndListsMayBeSentAgain) {
  for (const ForwardedService& service : ForwardedServices()) {
    for (const std::string& name : ReadMethods(*service.descriptor)) {
      const auto* method = service.descriptor->FindMethodByName(name);
      EXPECT_TRUE(name.starts_with("Get") || name.starts_with("List")) << name;
      EXPECT_FALSE(method->client_streaming() || method->server_streaming()) << name;
    }
    const auto config = nlohmann::json::parse(RetryReads(*service.descriptor));
    EXPECT_EQ(config["methodConfig"][0]["name"].size(), ReadMethods(*service.descriptor).size());
  }
}

TEST(ServicesTest, WhatDaemonsHaveForEachOtherIsNotReachedFromOutside) {
  const RouteTable routes = MakeRoutes(ForwardedServices());
  for (const char* method :
       {"/banger.image.v1.ImageService/AcquireImage", "/banger.image.v1.ImageService/ReleaseImage",
        "/banger.image.v1.ImageService/ListImageLeases", "/banger.kernel.v1.KernelService/GetKernelFiles",
        "/banger.system.v1.MetricsService/GetMetrics"})
    EXPECT_EQ(routes.Find(method), nullptr) << method;
}

}  // namespace
}  // namespace banger::gateway
