#include "services/vmd/adapters/firecracker_requests.h"

#include "absl/strings/str_cat.h"
#include "services/vmd/adapters/kernel_arguments.h"
#include "services/vmd/adapters/vmm_process.h"

namespace banger::vmd {
namespace {

using nlohmann::json;

// Of a frozen machine, in its directory.
constexpr char kStateFile[] = "state";
constexpr char kMemoryFile[] = "memory";

// Firecracker adds root= for the root device. Its reboot is a reset by the keyboard
// controller, which nothing but a keyboard needs to be looked for.
std::string CommandLine(const std::string& uid) {
  return absl::StrCat(KernelArguments(uid), " reboot=k i8042.noaux i8042.nomux i8042.dumbkbd");
}

FirecrackerRequest Put(std::string path, json body) { return {"PUT", std::move(path), std::move(body)}; }

// A guest's flush reaches the disk: "Writeback".
FirecrackerRequest PutDrive(const std::string& id, bool read_only) {
  return Put(absl::StrCat("/drives/", id), {{"drive_id", id},
                                            {"path_on_host", id},
                                            {"is_root_device", id == "agent"},
                                            {"is_read_only", read_only},
                                            {"cache_type", "Writeback"}});
}

json BootSource(const Machine& machine) {
  json source = {{"kernel_image_path", machine.vmlinux.string()}, {"boot_args", CommandLine(machine.uid)}};
  if (!machine.initrd.empty()) source["initrd_path"] = machine.initrd.string();
  return source;
}

std::vector<FirecrackerRequest> Configure(const Machine& machine, const std::string& tap) {
  return {
      Put("/machine-config",
          {{"vcpu_count", machine.sizes.vcpu}, {"mem_size_mib", machine.sizes.memory_mib}, {"smt", false}}),
      Put("/boot-source", BootSource(machine)),
      // The kernel meets them in this order, which is how the agent tells them apart:
      // Firecracker's disks have no serial numbers of our choice.
      PutDrive("agent", true),
      PutDrive("image", true),
      PutDrive("upper", false),
      PutDrive("work", false),
      Put("/network-interfaces/net",
          {{"iface_id", "net"}, {"host_dev_name", tap}, {"guest_mac", machine.mac}}),
      // Each VM's vsock is its own: all guests may have one number.
      Put("/vsock", {{"guest_cid", 3}, {"uds_path", kVsockSocket}}),
      Put("/entropy", json::object()),
      Put("/balloon", {{"amount_mib", 0}, {"deflate_on_oom", true}, {"free_page_reporting", true}}),
  };
}

// Its memory is mapped from the file, and copied where it is written to.
FirecrackerRequest LoadRequest(const std::filesystem::path& directory, const std::string& tap) {
  return Put(
      "/snapshot/load",
      {{"snapshot_path", (directory / kStateFile).string()},
       {"mem_backend", {{"backend_type", "File"}, {"backend_path", (directory / kMemoryFile).string()}}},
       {"network_overrides", json::array({{{"iface_id", "net"}, {"host_dev_name", tap}}})},
       {"resume_vm", false}});
}

}  // namespace

std::vector<std::string> FirecrackerArgv(const std::filesystem::path& program, const std::string& uid,
                                         const VmmPaths& paths) {
  // Until the logger has its file it would log to the console.
  return {program.string(), "--id", VmmLabel(uid), "--api-sock", (paths.sockets / kApiSocket).string(),
          "--level",        "Error"};
}

std::vector<std::pair<std::string, std::filesystem::path>> DriveLinks(const Machine& machine) {
  return {{"agent", machine.disks.agent},
          {"image", machine.rootfs},
          {"upper", machine.disks.upper},
          {"work", machine.disks.work}};
}

std::vector<FirecrackerRequest> MachineRequests(const Machine& machine, const std::string& tap) {
  std::vector<FirecrackerRequest> requests = {
      Put("/logger",
          {{"log_path", machine.disks.vmm_log.string()}, {"level", "Warning"}, {"show_level", true}}),
      Put("/metrics", {{"metrics_path", machine.disks.vmm_metrics.string()}})};
  const std::vector<FirecrackerRequest> rest = machine.frozen.has_value()
                                                   ? std::vector{LoadRequest(machine.frozen->directory, tap)}
                                                   : Configure(machine, tap);
  requests.insert(requests.end(), rest.begin(), rest.end());
  return requests;
}

FirecrackerRequest SnapshotRequest(const std::filesystem::path& directory) {
  return Put("/snapshot/create", {{"snapshot_type", "Full"},
                                  {"snapshot_path", (directory / kStateFile).string()},
                                  {"mem_file_path", (directory / kMemoryFile).string()}});
}

FirecrackerRequest ActionRequest(const std::string& action) {
  return Put("/actions", {{"action_type", action}});
}

FirecrackerRequest StateRequest(const std::string& state) { return {"PATCH", "/vm", {{"state", state}}}; }

KvmTrial FirecrackerKvmTrial(const std::filesystem::path& program, const std::filesystem::path& vmlinux) {
  const json machine = {
      {"boot-source",
       {{"kernel_image_path", vmlinux.string()}, {"boot_args", "console=ttyS0 panic=-1 reboot=k"}}},
      {"machine-config", {{"vcpu_count", 1}, {"mem_size_mib", 256}}},
      {"drives", json::array()}};
  return {.argv = {program.string(), "--no-api", "--config-file", "/dev/stdin"},
          .input = machine.dump(),
          .program = program,
          .vmlinux = vmlinux};
}

}  // namespace banger::vmd
