#include "services/vmd/adapters/confinement.h"

#include <map>

#include "absl/strings/str_cat.h"

namespace banger::vmd {
namespace {

using Right = FileAccess::Right;

constexpr char kCgroup[] = "--cgroup";

const std::map<std::string, Right>& Options() {
  static const auto* options = new std::map<std::string, Right>{{"--read", Right::kRead},
                                                                {"--write", Right::kReadWrite},
                                                                {"--own", Right::kOwn},
                                                                {"--execute", Right::kExecute}};
  return *options;
}

std::string OptionOf(Right right) {
  for (const auto& [option, its] : Options())
    if (its == right) return option;
  return "";
}

// The program, the dynamic loader of the architectures that we build for, and what
// both read. A program outside /usr has its data beside itself.
std::vector<FileAccess> FilesToRun(const std::filesystem::path& program) {
  const std::filesystem::path prefix = program.parent_path().parent_path();
  return {{program, Right::kExecute},
          {"/lib64/ld-linux-x86-64.so.2", Right::kExecute},
          {"/lib/ld-linux-aarch64.so.1", Right::kExecute},
          {"/usr/lib", Right::kRead},
          {"/lib", Right::kRead},
          {"/lib64", Right::kRead},
          {"/etc/ld.so.cache", Right::kRead},
          {"/usr/share/qemu", Right::kRead},
          {"/usr/share/seabios", Right::kRead},
          {prefix / "share/qemu", Right::kRead},
          {prefix / "lib", Right::kRead},
          {"/dev/null", Right::kReadWrite},
          {"/dev/urandom", Right::kRead},
          {"/dev/kvm", Right::kReadWrite},
          {"/proc/cpuinfo", Right::kRead},
          {"/sys/devices/system/cpu", Right::kRead}};
}

void AddMachine(const Machine& machine, std::vector<FileAccess>& files) {
  for (const std::filesystem::path& path :
       {machine.vmlinux, machine.initrd, machine.disks.agent, machine.rootfs})
    if (!path.empty()) files.push_back({path, Right::kRead});
  files.push_back({machine.disks.upper, Right::kReadWrite});
  files.push_back({machine.disks.work, Right::kReadWrite});
}

}  // namespace

std::vector<FileAccess> FilesOfQemu(const std::filesystem::path& program, const Machine& machine) {
  std::vector<FileAccess> files = FilesToRun(program);
  AddMachine(machine, files);
  files.push_back({machine.disks.console_log, Right::kReadWrite});
  return files;
}

// It makes its sockets itself, and opens its tap.
std::vector<FileAccess> FilesOfFirecracker(const std::filesystem::path& program, const Machine& machine,
                                           const VmmPaths& paths) {
  std::vector<FileAccess> files = FilesToRun(program);
  AddMachine(machine, files);
  files.push_back({machine.disks.vmm_log, Right::kReadWrite});
  files.push_back({machine.disks.vmm_metrics, Right::kReadWrite});
  files.push_back({paths.sockets, Right::kOwn});
  files.push_back({paths.frozen(), Right::kOwn});
  if (machine.frozen.has_value()) files.push_back({machine.frozen->directory, Right::kRead});
  files.push_back({"/dev/net/tun", Right::kReadWrite});
  return files;
}

std::vector<FileAccess> FilesOfTrial(const std::filesystem::path& program,
                                     const std::filesystem::path& vmlinux) {
  std::vector<FileAccess> files = FilesToRun(program);
  files.push_back({vmlinux, Right::kRead});
  return files;
}

std::vector<std::string> ConfinedCommand(const std::filesystem::path& launcher, const Confined& confined) {
  std::vector<std::string> command = {launcher.string()};
  if (!confined.cgroup.empty()) command.insert(command.end(), {kCgroup, confined.cgroup.string()});
  for (const FileAccess& file : confined.files)
    command.insert(command.end(), {OptionOf(file.right), file.path.string()});
  command.emplace_back("--");
  command.insert(command.end(), confined.argv.begin(), confined.argv.end());
  return command;
}

absl::StatusOr<Confined> ParseConfinedCommand(const std::vector<std::string>& command) {
  Confined confined;
  std::size_t at = 1;
  for (; at + 1 < command.size() && command[at] != "--"; at += 2) {
    if (command[at] == kCgroup) {
      confined.cgroup = command[at + 1];
      continue;
    }
    const auto option = Options().find(command[at]);
    if (option == Options().end())
      return absl::InvalidArgumentError(absl::StrCat("'", command[at], "' is no option of banger-confine"));
    confined.files.push_back({command[at + 1], option->second});
  }
  if (at + 1 >= command.size()) return absl::InvalidArgumentError("no program is given after --");
  confined.argv.assign(command.begin() + static_cast<std::ptrdiff_t>(at) + 1, command.end());
  return confined;
}

}  // namespace banger::vmd
