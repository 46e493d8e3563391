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
    const json body = json::parse(request.body, nullptr, false);
    absl::Status done = schema_.Check(request.method, request.path, body);
    if (done.ok()) done = Do(request.method, request.path, body);
    if (done.ok()) return {};
    return {400, json{{"fault_message", std::string(done.message())}}.dump()};
  }

 private:
  absl::Status Do(const std::string& method, const std::string& path, const json& body) {
    if (method == "PATCH" && path == "/vm" && started_)
      return machine_->SetRunning(body["state"] == "Resumed");
    if (method != "PUT") return absl::InvalidArgumentError("the double does not know this request");
    if (path == "/actions") return Act(body["action_type"]);
    if (path == "/logger") return CanOpen(body["log_path"], O_WRONLY | O_APPEND);
    if (started_)
      return absl::InvalidArgumentError(
          "The requested operation is not supported after starting the microVM.");
    return Configure(path, body);
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
    BANGER_RETURN_IF_ERROR(machine_->Start(parts_, [] { ::_exit(0); }));
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
  bool started_ = false;
};

int Fail(const std::string& problem) {
  std::fprintf(stderr, "Error: %s\n", problem.c_str());
  return 1;
}

int Main(const std::vector<std::string>& argv) {
  if (argv.size() == 2 && argv[1] == "--version") {
    std::puts("Firecracker v1.14.4\n\nSupported snapshot data format versions: v8.0.0");
    return 0;
  }
  std::map<std::string, std::string> options;
  for (std::size_t i = 1; i + 1 < argv.size(); i += 2) options[argv[i]] = argv[i + 1];
  for (const auto& [name, value] : options)
    if (name != "--id" && name != "--api-sock" && name != "--level")
      return Fail(absl::StrCat("Arguments parsing error: ", name));
  ::umask(0077);
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
