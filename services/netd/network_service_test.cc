#include "services/netd/network_service.h"

#include "absl/strings/str_cat.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/netd/testing/service_fixture.h"

namespace banger::netd {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class NetworkServiceTest : public ServiceFixture {
 protected:
  template <typename Response, typename Method, typename Request>
  absl::StatusOr<Response> Call(Method method, const Request& request) {
    rpc::ClientCall call("test", 10s);
    Response response;
    const absl::Status status = rpc::FromGrpc(((*stub_).*method)(call.context(), request, &response));
    if (!status.ok()) return status;
    return response;
  }

  absl::StatusOr<v1::CreateEndpointResponse> Create(const std::string& id, const std::string& hostname = "") {
    v1::CreateEndpointRequest request;
    request.set_endpoint_id(id);
    request.set_hostname(hostname);
    return Call<v1::CreateEndpointResponse>(&v1::NetworkService::Stub::CreateEndpoint, request);
  }
  absl::StatusOr<v1::AttachTapResponse> Attach(const std::string& name) {
    v1::AttachTapRequest request;
    request.set_name(name);
    return Call<v1::AttachTapResponse>(&v1::NetworkService::Stub::AttachTap, request);
  }
  absl::Status Detach(const std::string& name) {
    v1::DetachTapRequest request;
    request.set_name(name);
    return Call<v1::DetachTapResponse>(&v1::NetworkService::Stub::DetachTap, request).status();
  }
  absl::Status Delete(const std::string& name) {
    v1::DeleteEndpointRequest request;
    request.set_name(name);
    return Call<v1::DeleteEndpointResponse>(&v1::NetworkService::Stub::DeleteEndpoint, request).status();
  }
};

TEST_F(NetworkServiceTest, TellsTheNetwork) {
  ASSERT_OK_AND_ASSIGN(
      const auto response,
      Call<v1::GetNetworkResponse>(&v1::NetworkService::Stub::GetNetwork, v1::GetNetworkRequest()));
  EXPECT_EQ(response.network().bridge(), "br-test");
  EXPECT_EQ(response.network().gateway(), "172.30.0.1");
  EXPECT_EQ(response.network().prefix_length(), 29);
  EXPECT_EQ(response.network().mtu(), 1500);
  EXPECT_EQ(response.network().dns().host_resolver(), "systemd-resolved");
}

TEST_F(NetworkServiceTest, TellsHowItIsOnTheHostAndHowOftenItWasPutRight) {
  const auto health = [this] {
    return Call<v1::GetNetworkResponse>(&v1::NetworkService::Stub::GetNetwork, v1::GetNetworkRequest())
        ->health();
  };
  EXPECT_EQ(health().rules(), v1::NetworkHealth::RULES_NOT_NEEDED);
  EXPECT_FALSE(health().bridge_up());
  ASSERT_OK(Create("vm-1"));
  ASSERT_OK(Attach("endpoints/vm-1"));
  EXPECT_EQ(health().rules(), v1::NetworkHealth::RULES_IN_PLACE);
  EXPECT_TRUE(health().bridge_up());
  EXPECT_FALSE(health().has_repair_time());
  host_.firewall.applied.reset();
  host_.router.everywhere.ipv4 = true;
  EXPECT_EQ(health().rules(), v1::NetworkHealth::RULES_CHANGED);
  EXPECT_TRUE(health().forwards_everywhere());
  EXPECT_THAT(network_->Refresh(), IsOkAndHolds(true));
  EXPECT_EQ(health().rules(), v1::NetworkHealth::RULES_IN_PLACE);
  EXPECT_EQ(health().repair_count(), 1);
  EXPECT_TRUE(health().has_repair_time());
  host_.links.faults.FailFrom(0);
  network_->Reconcile();
  host_.links.faults.Stop();
  ASSERT_EQ(health().problems_size(), 1);
  EXPECT_THAT(health().problems(0), HasSubstr("injected fault"));
  network_->Reconcile();
  EXPECT_EQ(health().problems_size(), 0);
}

TEST_F(NetworkServiceTest, TellsAllOfAnEndpoint) {
  ASSERT_OK_AND_ASSIGN(const auto created, Create("vm-1"));
  EXPECT_EQ(created.endpoint().name(), "endpoints/vm-1");
  EXPECT_EQ(created.endpoint().address(), "172.30.0.2");
  EXPECT_EQ(created.endpoint().mac(), "52:b4:ac:1e:00:02");
  EXPECT_EQ(created.endpoint().tap(), "");
  EXPECT_EQ(created.endpoint().owner_uid(), ::geteuid());
  EXPECT_EQ(created.network().gateway(), "172.30.0.1");
  ASSERT_OK_AND_ASSIGN(const auto attached, Attach("endpoints/vm-1"));
  EXPECT_EQ(attached.endpoint().tap(), "bgr-ac1e0002");
  EXPECT_EQ(attached.network().bridge(), "br-test");
}

TEST_F(NetworkServiceTest, AnEndpointHasItsHostnameAndTheNetworkItsDns) {
  ASSERT_OK_AND_ASSIGN(const auto created, Create("vm-1", "web"));
  EXPECT_EQ(created.endpoint().hostname(), "web");
  EXPECT_EQ(created.network().dns().guest_server(), "172.30.0.1");
  EXPECT_EQ(created.network().dns().host_listen(), "");
  EXPECT_EQ(created.network().dns().warnings(0), "the host cannot resolve names");
  EXPECT_TRUE(host_.names.addresses.empty());
  ASSERT_OK(Attach("endpoints/vm-1"));
  EXPECT_EQ(host_.names.addresses.count("web"), 1u);
  EXPECT_EQ(ErrorReason(Create("vm-2", "no.label").status()), "HOSTNAME_INVALID");
}

TEST_F(NetworkServiceTest, DetachAndDeleteGiveBackTapThenAddress) {
  ASSERT_OK(Create("vm-1"));
  ASSERT_OK(Attach("endpoints/vm-1"));
  ASSERT_OK(Detach("endpoints/vm-1"));
  EXPECT_TRUE(host_.links.taps.empty());
  ASSERT_OK(Delete("endpoints/vm-1"));
  ASSERT_OK(Delete("endpoints/vm-1"));
  ASSERT_OK_AND_ASSIGN(
      const auto listed,
      Call<v1::ListEndpointsResponse>(&v1::NetworkService::Stub::ListEndpoints, v1::ListEndpointsRequest()));
  EXPECT_EQ(listed.endpoints_size(), 0);
}

TEST_F(NetworkServiceTest, ListsSortedByName) {
  for (const char* id : {"b", "a"}) ASSERT_OK(Create(id));
  ASSERT_OK_AND_ASSIGN(
      const auto listed,
      Call<v1::ListEndpointsResponse>(&v1::NetworkService::Stub::ListEndpoints, v1::ListEndpointsRequest()));
  ASSERT_EQ(listed.endpoints_size(), 2);
  EXPECT_EQ(listed.endpoints(0).name(), "endpoints/a");
}

TEST_F(NetworkServiceTest, ErrorsReachTheCallerWithTheirReason) {
  const absl::Status invalid = Create("No").status();
  EXPECT_THAT(invalid, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'No'")));
  EXPECT_EQ(ErrorReason(invalid), "ENDPOINT_ID_INVALID");
  EXPECT_EQ(ErrorReason(Attach("vm-1").status()), "ENDPOINT_ID_INVALID");
  EXPECT_EQ(ErrorReason(Attach("endpoints/vm-1").status()), "ENDPOINT_NOT_FOUND");
  for (int i = 0; i < 5; ++i) ASSERT_OK(Create(absl::StrCat("vm-", i)));
  EXPECT_EQ(ErrorReason(Create("one-more").status()), "NO_ADDRESS_LEFT");
}

TEST_F(NetworkServiceTest, WhatTheHostRefusesIsOurBugAndLeavesNothing) {
  ASSERT_OK(Create("vm-1"));
  host_.links.faults.FailFrom(1);
  EXPECT_THAT(Attach("endpoints/vm-1"), StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(host_.ledger.records.endpoints.at("vm-1").tap, "");
}

}  // namespace
}  // namespace banger::netd
