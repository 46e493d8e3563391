// fake-firecracker: a double of Firecracker; see README.md.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "services/vmd/testing/firecracker/api_schema.h"
#include "services/vmd/testing/firecracker/remote_machine.h"
#include "services/vmd/testing/firecracker/unix_http_server.h"

namespace banger::vmd {
namespace {

using nlohmann::json;

constexpr char kVersion[] = "1.14.4";

absl::Status CanOpen(const json& path, int flags) {
  return OpenFile(path.get<std::string>(), flags).status();
}

// Opening it as a tap would make the machine wait until it is closed again. Confined,
// it has no sockets to ask by, and reads nothing there, but sees whether it is there.
absl::Status HasTap(const std::string& name) {
  BANGER_RETURN_IF_ERROR(CanOpen("/dev/net/tun", O_RDWR));
  if (::access(absl::StrCat("/sys/class/net/", name).c_str(), F_OK) == 0) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("Open tap device failed: ", name));
}

class FakeFirecracker {
 public:
  explicit FakeFirecracker(std::unique_ptr<RemoteMachine> machine) : machine_(std::move(machine)) {}

  // Readable when the machine has ended; -1 before.
  int connection() const { return machine_->connection(); }

  HttpAnswer Answer(const HttpRequest& request) {
    const json body = request.body.empty() ? json() : json::parse(request.body, nullptr, false);
    absl::Status done = schema_.Check(request.method, request.path, body);
    if (done.ok() && request.method == "GET" && request.path == "/version")
      return {200, json{{"firecracker_version", kVersion}}.dump()};
    if (done.ok()) done = Do(request.method, request.path, body);
    if (done.ok()) return {};
    return {400, json{{"fault_message", std::string(done.message())}}.dump()};
  }

 private:
  absl::Status Do(const std::string& method, const std::string& path, const json& body) {
    if (method == "PATCH" && path == "/vm" && started_) {
      paused_ = body["state"] == "Paused";
      return machine_->SetRunning(!paused_);
    }
    if (method != "PUT") return absl::InvalidArgumentError("the double does not know this request");
    if (path == "/actions") return Act(body["action_type"]);
    if (path == "/snapshot/create") return Save(body);
    if (path == "/logger") return CanOpen(body["log_path"], O_WRONLY | O_APPEND);
    if (started_)
      return absl::InvalidArgumentError(
          "The requested operation is not supported after starting the microVM.");
    if (path == "/snapshot/load") return Load(body);
    if (path != "/metrics") configured_ = true;
    return Configure(path, body);
  }

  // The machine is in one file, what it has in memory in the other.
  absl::Status Save(const json& body) const {
    if (!started_ || !paused_) return absl::FailedPreconditionError("save/restore unavailable while running");
    BANGER_ASSIGN_OR_RETURN(const UniqueFd state, Create(body["snapshot_path"]));
    BANGER_ASSIGN_OR_RETURN(const UniqueFd memory, Create(body["mem_file_path"]));
    BANGER_RETURN_IF_ERROR(WriteFully(state.get(), json{{"version", kVersion}, {"parts", parts_}}.dump()));
    return machine_->Save(memory.get());
  }

  absl::Status Load(const json& body) {
    if (configured_)
      return absl::FailedPreconditionError(
          "Loading a microVM snapshot not allowed after configuring boot-specific resources.");
    BANGER_ASSIGN_OR_RETURN(const std::string text, ReadFile(body["snapshot_path"].get<std::string>()));
    const json state = json::parse(text, nullptr, false);
    if (!state.is_object() || state["version"] != kVersion)
      return absl::InvalidArgumentError("Failed to restore devices: the snapshot is of another version");
    const std::string memory_path =
        body.contains("mem_backend") ? body["mem_backend"]["backend_path"] : body["mem_file_path"];
    BANGER_ASSIGN_OR_RETURN(const UniqueFd memory, OpenFile(memory_path, O_RDONLY));
    const json metrics = parts_.value("metrics", json());
    parts_ = state["parts"];
    parts_.erase("metrics");
    if (!metrics.is_null()) parts_["metrics"] = metrics;
    for (json& interface : parts_["network-interfaces"]) BANGER_RETURN_IF_ERROR(Override(body, interface));
    for (const json& drive : parts_["drives"]) BANGER_RETURN_IF_ERROR(Open("drives", drive));
    if (parts_.contains("vsock"))
      BANGER_RETURN_IF_ERROR(machine_->OpenVsock(parts_["vsock"]["uds_path"].get<std::string>()));
    json frozen = Absolute(parts_);
    frozen["frozen"] = true;
    BANGER_RETURN_IF_ERROR(machine_->Start(frozen, [] { ::_exit(0); }));
    BANGER_RETURN_IF_ERROR(machine_->Load(memory.get()));
    started_ = paused_ = true;
    return body.value("resume_vm", false) ? Do("PATCH", "/vm", {{"state", "Resumed"}}) : absl::OkStatus();
  }

  static absl::Status Override(const json& body, json& interface) {
    for (const json& override : body.value("network_overrides", json::array()))
      if (override["iface_id"] == interface["iface_id"])
        interface["host_dev_name"] = override["host_dev_name"];
    return HasTap(interface["host_dev_name"]);
  }

  static absl::StatusOr<UniqueFd> Create(const json& path) {
    return OpenFile(path.get<std::string>(), O_WRONLY | O_CREAT | O_TRUNC);
  }

  // fake-kvm runs elsewhere.
  static json Absolute(json parts) {
    for (json& drive : parts["drives"])
      drive["path_on_host"] = std::filesystem::absolute(drive["path_on_host"].get<std::string>()).string();
    return parts;
  }

  absl::Status Configure(const std::string& path, const json& body) {
    const std::vector<std::string> names = absl::StrSplit(path, '/');
    const std::string& part = names[1];
    BANGER_RETURN_IF_ERROR(Open(part, body));
    if (part == "vsock") BANGER_RETURN_IF_ERROR(machine_->OpenVsock(body["uds_path"].get<std::string>()));
    if (part == "drives" && body["is_root_device"] == true) {
      parts_[part].insert(parts_[part].begin(), body);
    } else if (part == "drives" || part == "network-interfaces") {
      parts_[part].push_back(body);
    } else {
      parts_[part] = body;
    }
    return absl::OkStatus();
  }

  // What Firecracker opens when it is told of it.
  static absl::Status Open(const std::string& part, const json& body) {
    if (part == "metrics") return CanOpen(body["metrics_path"], O_WRONLY | O_APPEND);
    if (part == "network-interfaces") return HasTap(body["host_dev_name"]);
    if (part == "drives") {
      if (!body.contains("path_on_host") || !body.contains("is_read_only"))
        return absl::InvalidArgumentError("a virtio block device needs path_on_host and is_read_only");
      return CanOpen(body["path_on_host"], body["is_read_only"] == true ? O_RDONLY : O_RDWR);
    }
    if (part == "boot-source") {
      BANGER_RETURN_IF_ERROR(CanOpen(body["kernel_image_path"], O_RDONLY));
      return body.contains("initrd_path") ? CanOpen(body["initrd_path"], O_RDONLY) : absl::OkStatus();
    }
    static const std::set<std::string> kOthers = {"machine-config", "vsock", "entropy", "balloon"};
    if (kOthers.contains(part)) return absl::OkStatus();
    return absl::InvalidArgumentError("the double does not know this request");
  }

  absl::Status Act(const std::string& action) {
    if (action == "FlushMetrics" && started_) return AppendMetrics();
    if (action == "SendCtrlAltDel" && started_) return machine_->PressCtrlAltDel();
    if (action != "InstanceStart" || started_)
      return absl::InvalidArgumentError(absl::StrCat(action, " is not possible now"));
    if (!parts_.contains("boot-source"))
      return absl::FailedPreconditionError("Cannot start microvm without kernel configuration.");
    BANGER_RETURN_IF_ERROR(machine_->Start(Absolute(parts_), [] { ::_exit(0); }));
    started_ = true;
    return AppendMetrics();
  }

  absl::Status AppendMetrics() const {
    if (!parts_.contains("metrics")) return absl::OkStatus();
    const std::string path = parts_["metrics"]["metrics_path"];
    BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_WRONLY | O_APPEND));
    return WriteFully(fd.get(), "{\"utc_timestamp_ms\":0}\n");
  }

  const ApiSchema schema_;
  const std::unique_ptr<RemoteMachine> machine_;
  json parts_ = {{"machine-config", {{"vcpu_count", 1}, {"mem_size_mib", 128}}}, {"drives", json::array()}};
  bool configured_ = false;
  bool started_ = false;
  bool paused_ = false;
};

int Fail(const std::string& problem) {
  std::fprintf(stderr, "Error: %s\n", problem.c_str());
  return 1;
}

int Main(const std::vector<std::string>& argv) {
  if (argv.size() == 2 && argv[1] == "--version") {
    std::printf("Firecracker v%s\n\nSupported snapshot data format versions: v8.0.0\n", kVersion);
    return 0;
  }
  std::map<std::string, std::string> options;
  for (std::size_t i = 1; i + 1 < argv.size(); i += 2) options[argv[i]] = argv[i + 1];
  for (const auto& [name, value] : options)
    if (name != "--id" && name != "--api-sock" && name != "--level")
      return Fail(absl::StrCat("Arguments parsing error: ", name));
  ::umask(0177);  // it may not change the modes of its sockets
  const std::filesystem::path socket = options["--api-sock"];
  auto machine = RemoteMachine::Listen(socket.parent_path());
  if (!machine.ok()) return Fail(std::string(machine.status().message()));
  FakeFirecracker firecracker(*std::move(machine));
  auto server =
      UnixHttpServer::Listen(socket, [&](const HttpRequest& request) { return firecracker.Answer(request); });
  if (!server.ok()) return Fail(std::string(server.status().message()));
  server->Serve([&] { return firecracker.connection(); });
  return Fail("the machine ended");
}

}  // namespace
}  // namespace banger::vmd

int main(int argc, char** argv) { return banger::vmd::Main({argv, argv + argc}); }
