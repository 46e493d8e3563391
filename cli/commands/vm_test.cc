// The commands that make, use and remove VMs.
#include <fcntl.h>

#include <csignal>

#include "cli/testing/vm_fixture.h"
#include "common/os/file.h"
#include "common/os/unix_socket.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST_F(VmTest, ListShowsWhatRunsAndAllOnRequest) {
  state_.vms.mutable_vms(0)->set_workspace("/root/app");
  EXPECT_EQ(Run({"vm", "list"}).out,
            "ID             NAME   STATE     IMAGE   IP   VCPU   MEM    DISK   WORKSPACE   CREATED\n"
            "aaaaaaaaaaaa   web    RUNNING   deb     -    2      1.5G   8G     /root/app   -\n");
  EXPECT_EQ(Run({"ps", "-aq"}).out, "aaaaaaaaaaaa\nbbbbbbbbbbbb\n");
  const CommandResult json = Run({"ps", "-a", "--format", "json"});
  EXPECT_THAT(json.out, HasSubstr("\"state\": \"STATE_STOPPED\""));
  EXPECT_THAT(json.out, HasSubstr("\"memory_mib\": \"1536\""));
}

TEST_F(VmTest, CreatePrintsTheNameAndItsProgressApart) {
  const CommandResult result = Run({"vm", "create", "--name", "box", "--memory", "2G"});
  EXPECT_EQ(result.out, "box\n");
  EXPECT_EQ(result.err, "create vm 'box': boot\nwarning: netd is not running\nvm 'box' is ready\n");
  EXPECT_THAT(state_.Events(), ElementsAre("created box memory 2048"));
}

TEST_F(VmTest, AnImageThatIsNotHereIsPulledFirst) {
  state_.missing_image = "images/debian-bookworm";
  const CommandResult result = Run({"vm", "create", "--name", "box", "--image", "debian:bookworm"});
  EXPECT_EQ(result.out, "box\n") << result.err;
  EXPECT_THAT(result.err, HasSubstr("image 'debian-bookworm' is not here and will be pulled\n"
                                    "pull image 'debian:bookworm': resolve debian:bookworm\n"));
  EXPECT_EQ(state_.pull.name(), "images/debian-bookworm");

  state_.missing_image = "images/the-default";
  EXPECT_EQ(Run({"vm", "create", "--name", "box"}).out, "box\n");
  EXPECT_EQ(state_.pull.reference(), "the-default");
}

TEST_F(VmTest, AnImageThatCannotBeHadIsStillNotFound) {
  state_.missing_image = "images/nope";
  state_.Fail("PullImage", ApiError(absl::StatusCode::kUnavailable, "SOURCE_UNREACHABLE", "no network"));
  const CommandResult result = Run({"vm", "create", "--image", "nope"});
  EXPECT_EQ(result.status.code, 3);
  EXPECT_THAT(result.err, HasSubstr("image not found, and it cannot be had: pull image 'nope': no network"));
  EXPECT_THAT(result.err, HasSubstr("IMAGE_NOT_FOUND"));
  state_.Fail("PullImage",
              ApiError(absl::StatusCode::kUnauthenticated, "REGISTRY_LOGIN_NEEDED", "who are you"));
  EXPECT_THAT(Run({"vm", "create", "--image", "nope"}).err, HasSubstr("REGISTRY_LOGIN_NEEDED"));
}

TEST_F(VmTest, CreateSaysWhatTheVmMayDoOnTheNetwork) {
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--egress", "allow=example.com,10.0.0.0/8,fd00::/8",
                 "--allow-vm", "web", "-p", "8080:80", "-p", "0.0.0.0:5353:53/udp"})
                .status.code,
            0);
  EXPECT_THAT(state_.Events(),
              ElementsAre("created box memory 0",
                          "nat: true egress { mode: MODE_LISTED networks: \"10.0.0.0/8\" networks: "
                          "\"fd00::/8\" domains: \"example.com\" } "
                          "allowed_vms: \"vms/web\"",
                          "host_port: 8080 guest_port: 80 protocol: PROTOCOL_TCP",
                          "host_address: \"0.0.0.0\" host_port: 5353 guest_port: 53 protocol: PROTOCOL_UDP"));
}

TEST_F(VmTest, WrongNetworkFlagsAreUsageErrorsBeforeThereIsAVm) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--publish", "80"},
                                                {"--publish", "0:80"},
                                                {"--publish", "8080:80/sctp"},
                                                {"--publish", "1:2:3:4"},
                                                {"--egress", "some"},
                                                {"--egress", "allow="},
                                                {"--egress", "allow=a.b,,c.d"}}) {
    const CommandResult result = Run({"vm", "create", wrong[0], wrong[1]});
    EXPECT_EQ(result.status.code, 2) << wrong[1];
    EXPECT_THAT(result.err, HasSubstr(wrong[1]));
  }
  EXPECT_EQ(state_.Calls("CreateVm"), 0);
}

TEST_F(VmTest, SetChangesOnlyWhatIsSaid) {
  EXPECT_EQ(Run({"vm", "set", "--no-nat", "web"}).out, "web\n");
  EXPECT_EQ(Run({"vm", "set", "--egress", "none", "--disallow-vm", "old", "web"}).out, "web\n");
  EXPECT_THAT(
      state_.Events(),
      ElementsAre("name: \"vms/web\" nat: false", "set web",
                  "name: \"vms/web\" egress { mode: MODE_NONE } disallow_vms: \"vms/old\"", "set web"));
  EXPECT_EQ(Run({"vm", "set", "--vcpu", "2", "--memory", "2G", "--disk-size", "20G", "web"}).out, "web\n");
  EXPECT_EQ(state_.Events().at(4), "name: \"vms/web\" vcpu: 2 memory_mib: 2048 disk_size_bytes: 21474836480");
  EXPECT_EQ(Run({"vm", "set", "web"}).status.code, 2);
  EXPECT_EQ(Run({"vm", "set", "--nat", "--no-nat", "web"}).status.code, 2);
}

TEST_F(VmTest, PortsAreAddedRemovedAndListed) {
  EXPECT_EQ(Run({"vm", "port", "add", "web", "8080:80", "127.0.0.2:53:53/udp"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "port", "rm", "web", "127.0.0.2:53/udp", "8080:80"}).status.code, 0);
  EXPECT_THAT(state_.Events(),
              ElementsAre("host_port: 8080 guest_port: 80 protocol: PROTOCOL_TCP", "published web",
                          "host_address: \"127.0.0.2\" host_port: 53 guest_port: 53 protocol: PROTOCOL_UDP",
                          "published web", "host_address: \"127.0.0.2\" host_port: 53 protocol: PROTOCOL_UDP",
                          "unpublished web", "host_port: 8080 protocol: PROTOCOL_TCP", "unpublished web"));
  vm::v1::PublishedPort& port = *state_.vms.mutable_vms(0)->add_published_ports();
  port.set_host_address("127.0.0.1");
  port.set_host_port(8080);
  port.set_guest_port(80);
  EXPECT_EQ(Run({"vm", "port", "list", "web"}).out,
            "HOST             GUEST PORT   PROTOCOL   PROBLEM\n127.0.0.1:8080   80           tcp        -\n");
  EXPECT_EQ(Run({"vm", "port", "add", "web"}).status.code, 2);
  state_.Fail("PublishPort", ApiError(absl::StatusCode::kAlreadyExists, "PORT_IN_USE",
                                      "port 127.0.0.1:80 of the host is in use by VM 'old'"));
  EXPECT_THAT(Run({"vm", "port", "add", "web", "80:80"}).err, HasSubstr("in use by VM 'old'"));
}

TEST_F(VmTest, ABatchRunsAllAndReportsEach) {
  const CommandResult result = Run({"vm", "stop", "--timeout", "2m", "web", "ghost", "db", "web"});
  EXPECT_EQ(result.status.code, 3);
  EXPECT_THAT(result.out, HasSubstr("web\n"));
  EXPECT_THAT(result.out, HasSubstr("db\n"));
  EXPECT_EQ(result.err,
            "banger: stop vm 'ghost': vm 'ghost' not found (VM_NOT_FOUND)\n"
            "hint: list VMs with 'banger vm list -a'\nrequest: feedbeef\n");
  EXPECT_THAT(state_.Events(),
              UnorderedElementsAre("timeout 120", "timeout 120", "timeout 120", "stopped web", "stopped db"));
}

TEST_F(VmTest, EveryBatchCommandReachesItsMethod) {
  for (const char* verb : {"start", "restart", "pause", "resume", "delete"})
    EXPECT_EQ(Run({"vm", verb, "web"}).out, "web\n") << verb;
  EXPECT_EQ(Run({"vm", "delete", "-f", "web"}).out, "web\n");
  EXPECT_EQ(Run({"vm", "kill", "--signal", "sigterm", "web"}).out, "web\n");
  EXPECT_THAT(state_.Events(), ElementsAre("started web", "restarted web", "paused web", "resumed web",
                                           "deleted web", "deleted by force web", "signal 15 to web"));
}

TEST_F(VmTest, PruneDeletesWhatDoesNotRun) {
  Add("broken", "cccccccccccc", vm::v1::Vm::STATE_ERROR);
  Add("wedged", "dddddddddddd", vm::v1::Vm::STATE_ERROR);
  state_.vms.mutable_vms(3)->set_pid(77);
  const CommandResult result = Run({"vm", "prune", "-f"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_THAT(state_.Events(), UnorderedElementsAre("deleted bbbbbbbbbbbb", "deleted cccccccccccc"));
  state_.vms.clear_vms();
  EXPECT_EQ(Run({"vm", "prune", "-f"}).err, "there is no vm that does not run: nothing to delete\n");
}

TEST_F(VmTest, CtrlCCancelsTheCall) {
  int calls = 0;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"vm", "create", "--name", "slow"},
        {"vm", "start", "slow"},
        {"vm", "logs", "-f", "web"}}) {
    Subprocess program = Start(arguments);
    ASSERT_TRUE(state_.WaitFor("waiting", ++calls));
    ASSERT_OK(program.Signal(SIGINT));
    EXPECT_EQ(program.Wait()->code, 130) << arguments[1];
    EXPECT_TRUE(state_.WaitFor("cancelled", calls));
  }
}

TEST_F(VmTest, EventsGoOnWhereTheConnectionWasLost) {
  vm::v1::WatchVmsResponse response;
  *response.add_vms() = state_.vms.vms(0);
  state_.watched.push_back(response);
  response.Clear();
  response.set_synced(true);
  response.set_resume_token("r-1");
  state_.watched.push_back(response);
  const std::filesystem::path out = directory_.path() / "out";
  // A gateway that is restarted ends calls in either way.
  std::ptrdiff_t calls = 0;
  for (const grpc::StatusCode end : {grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::CANCELLED}) {
    state_.watch_ends = end;
    const UniqueFd file = *OpenFile(out, O_WRONLY | O_CREAT | O_TRUNC);
    Subprocess program = Start({"vm", "events"}, -1, file.get());
    ASSERT_TRUE(state_.WaitFor("watch from 'r-1'", ++calls));
    ASSERT_OK(program.Signal(SIGINT));
    EXPECT_EQ(program.Wait()->code, 130);
    EXPECT_THAT(ReadFile(out), IsOkAndHolds("web   RUNNING\n"));
  }

  EXPECT_EQ(Run({"vm", "events", "--format", "xml"}).status.code, 2);
  state_.Fail("WatchVms", absl::UnavailableError("away"));
  EXPECT_EQ(Run({"vm", "events"}).status.code, 4);
}

TEST_F(VmTest, StatsShowWhatTheHostKnowsAlsoWhereTheGuestIsSilent) {
  vm::v1::VmStats& web = *state_.stats.add_stats();
  web.set_name("vms/web");
  web.set_cpu_percent(12.34);
  web.set_disk_used_bytes(300 << 20);
  web.mutable_host()->set_memory_bytes(512 << 20);
  web.mutable_host()->set_network_sent_bytes(2048);
  web.mutable_guest()->set_memory_total_bytes(1 << 30);
  web.mutable_guest()->set_memory_available_bytes(256 << 20);
  web.mutable_guest()->set_load(0.5);
  vm::v1::VmStats& stuck = *state_.stats.add_stats();
  stuck.set_name("vms/stuck");
  stuck.mutable_host()->set_memory_bytes(100 << 20);
  stuck.set_state_detail("its agent has not answered");
  EXPECT_EQ(
      Run({"vm", "stats"}).out,
      "NAME    CPU     HOST MEM   GUEST MEM   LOAD   DISK   READ / WRITTEN   NET IN / OUT   PROBLEM\n"
      "web     12.3%   512M       768M / 1G   0.50   300M   0 / 0            0 / 2K         -\n"
      "stuck   -       100M       -           -      0      0 / 0            0 / 0          its agent has "
      "not answered\n");
  Run({"vm", "stats", "web", "stuck"});
  EXPECT_THAT(state_.Events(), ElementsAre("stats of vms/web", "stats of vms/stuck"));
  Subprocess watch = Start({"vm", "stats", "--watch", "web"});
  ASSERT_TRUE(state_.WaitFor("stats of vms/web", 3));
  ASSERT_OK(watch.Signal(SIGINT));
  EXPECT_EQ(watch.Wait()->code, 130);
}

TEST_F(VmTest, LogsAreTheBytesOfTheConsole) {
  EXPECT_EQ(Run({"vm", "logs", "--tail", "7", "web"}).out, "tail 7\n");
}

TEST_F(VmTest, AFullDiskBehindStdoutIsAnError) {
  const UniqueFd full = *OpenFile("/dev/full", O_WRONLY);
  Subprocess program = Start({"vm", "list"}, -1, full.get());
  EXPECT_EQ(program.Wait()->code, 1);
}

TEST_F(VmTest, AMissingDaemonIsNamedWithItsSocket) {
  Subprocess::Options options;
  const std::string nothing = (directory_.path() / "none.sock").string();
  options.argv = {BangerProgram(), "vm", "start", "web"};
  options.env = {{"BANGER_SOCKET=" + nothing}};
  const CommandResult missing = *RunCommand(options);
  EXPECT_EQ(missing.status.code, 4);
  EXPECT_THAT(missing.err, HasSubstr("start vm 'web': reach the gateway at '" + nothing +
                                     "': no such socket\nhint: start"));
  // A socket that nobody listens on, as kill -9 leaves it.
  { const UniqueFd stale = *ListenUnix(nothing, 0600); }
  EXPECT_EQ(RunCommand(options)->status.code, 4);
}

TEST_F(VmTest, WrongInputIsRefusedWithoutACall) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"vm", "start"}, "VM is missing"},
      {{"vm", "strat", "web"}, "did you mean 'banger vm start'?"},
      {{"vmm"}, "did you mean 'banger vm'?"},
      {{"frobnicate"}, "unknown command 'frobnicate'; see 'banger'"},
      {{"--frob"}, "unknown flag '--frob'"},
      {{"vm", "start", "--frob", "web"}, "unknown flag '--frob'"},
      {{"vm", "show", "web", "db"}, "unexpected argument 'db'"},
      {{"vm", "exec", "web", "ls"}, "put the command after '--'"},
      {{"vm", "exec", "web", "-e", "A", "--", "ls"}, "--env: 'A' is not KEY=VALUE"},
      {{"vm", "exec", "web", "-w", "srv", "--", "ls"}, "--workdir: 'srv' is not an absolute path"},
      {{"vm", "exec", "-it", "web"}, "stdin is not a terminal"},
      {{"vm", "run", "--entrypoint", "sh"},
       "no 'sh' here: PATH is a git repository; put a command after '--'"},
      {{"vm", "run", "--entrypoint=sh"}, "--entrypoint takes no value, but is given 'sh'"},
      {{"vm", "run", "--entrypoint="}, "--entrypoint takes no value, but is given ''"},
      {{"vm", "run", "--rm=false", "--", "ls"}, "--rm takes no value, but is given 'false'"},
      {{"vm", "run", "--", ""}, "the command after '--' has an empty name"},
      {{"vm", "exec", "web", "--", "", "x"}, "the command after '--' has an empty name"},
      {{"vm", "run", "--vcpu", "0"}, "--vcpu: '0' is not a whole number of at least 1"},
      {{"vm", "run", "--vcpu", "many"}, "'many' is not a whole number"},
      {{"vm", "run", "--memory", "0"}, "--memory: '0' is not more than 0"},
      {{"vm", "run", "--memory", "-1G"}, "--memory"},
      {{"vm", "run", "--memory", "512"}, "--memory is not a whole number of MiB; write 512M or 2G"},
      {{"vm", "run", "--disk-size", "big"}, "--disk-size"},
      {{"vm", "create", "--name", "a", "--name", "b"}, "--name is given more than once"},
      {{"vm", "stop", "--timeout", "soon", "web"}, "'soon' is not a time such as 30, 30s or 2m"},
      {{"vm", "stop", "--timeout", "-1", "web"}, "--timeout"},
      {{"vm", "kill", "--signal", "USR1", "web"}, "'USR1' is not one of KILL, TERM, INT, QUIT, HUP"},
      {{"vm", "list", "--format", "xml"}, "'xml' is not one of table, json"},
      {{"vm", "logs", "--tail", "-3", "web"}, "--tail"},
      {{"vm", "show", "caf\xe9"}, "is not valid UTF-8"},
      {{"kernel", "show"}, "NAME is missing"},
      {{"kernel", "pull"}, "NAME is missing"},
      {{"kernel", "import", "k"}, "--from is missing"},
      {{"image", "import", "--from", "x"}, "NAME is missing"},
      {{"image", "import", "x", "--from", "-", "--size", "0"}, "--size"},
      {{"completion", "tcsh"}, "'tcsh' is not one of bash, zsh, fish"},
  };
  for (const auto& [arguments, message] : cases) {
    const CommandResult result = Run(arguments);
    EXPECT_EQ(result.status.code, 2) << message;
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_EQ(result.out, "");
  }
  EXPECT_EQ(state_.LastRequestId(), "");
}

}  // namespace
}  // namespace banger::cli
