// Every request that the driver sends, against Firecracker's own description.
#include "services/vmd/adapters/firecracker_requests.h"

#include <algorithm>
#include <string>

#include "common/testing/status_matchers.h"
#include "services/vmd/testing/firecracker/api_schema.h"

namespace banger::vmd {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Machine MakeMachine() {
  return {.uid = "0123456789ab",
          .sizes = {.vcpu = 2, .memory_mib = 512},
          .vmlinux = "/k/vmlinux",
          .initrd = "/k/initrd.img",
          .rootfs = "/i.ext4",
          .disks = {.upper = "/v/upper.ext4",
                    .work = "/v/work.ext4",
                    .console_log = "/v/console.log",
                    .vmm_log = "/v/vmm.log",
                    .vmm_metrics = "/v/vmm-metrics.json",
                    .agent = "/a.ext4"},
          .network_mode = NetworkMode::kBridge,
          .mac = "52:b4:ac:1e:00:02"};
}

std::vector<FirecrackerRequest> Requests(const Machine& machine) {
  return MachineRequests(machine, "bgr-ac1e0002");
}

json BodyOf(const std::vector<FirecrackerRequest>& requests, const std::string& path) {
  const auto found = std::find_if(requests.begin(), requests.end(),
                                  [&](const FirecrackerRequest& request) { return request.path == path; });
  return found == requests.end() ? json() : found->body;
}

class FirecrackerRequestsTest : public ::testing::Test {
 protected:
  absl::Status Check(const FirecrackerRequest& request) const {
    return schema_.Check(request.method, request.path, request.body);
  }
  const ApiSchema schema_;
};

TEST_F(FirecrackerRequestsTest, AllAreAsFirecrackerDescribesThem) {
  Machine modular = MakeMachine();
  Machine plain = MakeMachine();
  plain.initrd.clear();
  for (const Machine& machine : {modular, plain})
    for (const FirecrackerRequest& request : Requests(machine)) EXPECT_OK(Check(request)) << request.path;
  for (const char* action : {"InstanceStart", "SendCtrlAltDel"}) EXPECT_OK(Check(ActionRequest(action)));
  for (const char* state : {"Paused", "Resumed"}) EXPECT_OK(Check(StateRequest(state)));
}

TEST_F(FirecrackerRequestsTest, TheCheckRefusesWhatIsNotDescribed) {
  const auto refused = [&](const std::string& method, const std::string& path, const json& body,
                           const std::string& why) {
    EXPECT_THAT(schema_.Check(method, path, body),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)))
        << method << " " << path << " " << body;
  };
  const json drive = {{"drive_id", "a"}, {"is_root_device", false}};
  EXPECT_OK(schema_.Check("PUT", "/drives/a", drive));
  refused("PUT", "/drive/a", drive, "no such path");
  refused("PUT", "/drives/", drive, "no such path");
  refused("POST", "/drives/a", drive, "no such method");
  refused("PUT", "/drives/b", drive, "differs");
  refused("PUT", "/drives/a", {{"drive_id", "a"}}, "is_root_device");
  refused("PUT", "/drives/a", {{"drive_id", "a"}, {"is_root_device", 1}}, "is no boolean");
  refused("PUT", "/drives/a", {{"drive_id", "a"}, {"is_root_device", true}, {"colour", 1}},
          "colour: is unknown");
  refused("PUT", "/drives/a", json::array(), "is no object");
  refused("PUT", "/machine-config", {{"vcpu_count", 33}, {"mem_size_mib", 128}}, "too large");
  refused("PUT", "/vsock", {{"guest_cid", 2}, {"uds_path", "/v"}}, "too small");
  refused("PUT", "/actions", {{"action_type", "Explode"}}, "not one of");
  refused("PUT", "/metrics", {{"metrics_path", "/m"}, {"properties", {{"a", 1}}}}, "is no string");
  refused("PUT", "/snapshot/load", {{"snapshot_path", "/s"}, {"network_overrides", {{{"iface_id", "n"}}}}},
          "network_overrides[0]: has no \"host_dev_name\"");
}

TEST_F(FirecrackerRequestsTest, TheAgentsDiskIsTheRootAndDisksKeepTheirOrder) {
  const auto requests = Requests(MakeMachine());
  std::vector<std::string> drives;
  for (const FirecrackerRequest& request : requests) {
    if (!request.path.starts_with("/drives/")) continue;
    drives.push_back(request.body["drive_id"]);
    EXPECT_EQ(request.body["is_root_device"], drives.back() == "agent");
    EXPECT_EQ(request.body["cache_type"], "Writeback") << "a guest's flush must reach the disk";
  }
  EXPECT_THAT(drives, ElementsAre("agent", "image", "upper", "work"));
  EXPECT_EQ(BodyOf(requests, "/drives/image")["path_on_host"], "image") << "a link where Firecracker runs";
  EXPECT_EQ(BodyOf(requests, "/drives/image")["is_read_only"], true);
  EXPECT_EQ(BodyOf(requests, "/drives/upper")["is_read_only"], false);
  const std::string arguments = BodyOf(requests, "/boot-source")["boot_args"];
  EXPECT_THAT(arguments, Not(HasSubstr("root="))) << "Firecracker adds it";
  EXPECT_THAT(arguments, HasSubstr("reboot=k"));
}

TEST_F(FirecrackerRequestsTest, NetworkVsockAndSizesAreTheMachines) {
  const auto requests = Requests(MakeMachine());
  EXPECT_EQ(BodyOf(requests, "/network-interfaces/net")["host_dev_name"], "bgr-ac1e0002");
  EXPECT_EQ(BodyOf(requests, "/network-interfaces/net")["guest_mac"], "52:b4:ac:1e:00:02");
  EXPECT_EQ(BodyOf(requests, "/vsock")["uds_path"], "vsock") << "where Firecracker runs";
  EXPECT_EQ(BodyOf(requests, "/machine-config")["vcpu_count"], 2);
  EXPECT_EQ(BodyOf(requests, "/machine-config")["mem_size_mib"], 512);
  EXPECT_EQ(BodyOf(requests, "/boot-source")["initrd_path"], "/k/initrd.img");
}

TEST_F(FirecrackerRequestsTest, AFrozenMachineIsLoadedWithItsOwnTapAndNothingElse) {
  Machine machine = MakeMachine();
  EXPECT_THAT(DriveLinks(machine),
              Contains(std::pair<std::string, std::filesystem::path>("upper", "/v/upper.ext4")));
  machine.frozen = FrozenRun{.directory = "/v/restore"};
  const auto requests = Requests(machine);
  std::vector<std::string> paths;
  for (const FirecrackerRequest& request : requests) {
    EXPECT_OK(Check(request)) << request.path;
    paths.push_back(request.path);
  }
  EXPECT_THAT(paths, ElementsAre("/logger", "/metrics", "/snapshot/load"));
  const json load = BodyOf(requests, "/snapshot/load");
  EXPECT_EQ(load["network_overrides"][0]["host_dev_name"], "bgr-ac1e0002");
  EXPECT_EQ(load["mem_backend"]["backend_path"], "/v/restore/memory");
  EXPECT_EQ(load["resume_vm"], false);
  EXPECT_OK(Check(SnapshotRequest("/v/snapshots/.new")));
  EXPECT_OK(Check({"GET", "/version", {}}));
}

TEST_F(FirecrackerRequestsTest, TheCommandLineIsFoundAgainByItsLabel) {
  const auto argv = FirecrackerArgv("/usr/bin/firecracker", "0123456789ab", {.sockets = "/run/vm/x"});
  ASSERT_GT(argv.size(), 3u);
  EXPECT_EQ(argv[1], "--id");
  EXPECT_EQ(argv[2], "banger-0123456789ab");
  EXPECT_THAT(argv, Contains("/run/vm/x/api"));
}

}  // namespace
}  // namespace banger::vmd
