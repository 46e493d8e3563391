#include "cli/commands/commands.h"

#include <utility>

#include "cli/commands/context.h"
#include "cli/commands/update.h"
#include "cli/commands/web.h"

namespace banger::cli {
namespace {

std::vector<Group> Groups() {
  return {
      {.name = "vm",
       .summary = "Make, use and remove VMs",
       .most_used = {"banger vm run", "make a VM and open a shell in it"},
       .next = {"banger vm list", "see which VMs run"}},
      {.name = "image",
       .summary = "Keep the root file systems that VMs boot",
       .most_used = {"banger image list", "see the images that are here"},
       .next = {"banger vm run --image NAME", "run a VM from one of them"}},
      {.name = "kernel",
       .summary = "Keep the kernels that VMs boot",
       .most_used = {"banger kernel pull debian-6.1", "fetch one of the catalog"},
       .next = {"banger image import NAME --from FILE --kernel-ref debian-6.1", "make an image with it"}},
      {.name = "context",
       .summary = "Speak to banger on other hosts",
       .most_used = {"banger context use NAME", "commands go to that host from now on"},
       .next = {"banger context list", "see which hosts are known"}},
      {.name = "system",
       .summary = "Look after banger on this host",
       .most_used = {"banger system network", "see the VMs' network"},
       .next = {"banger version", "see which daemons answer"}},
  };
}

}  // namespace

CommandTable MakeCommandTable() {
  CommandTable table{.groups = Groups(), .commands = {}};
  auto add = [&table](std::unique_ptr<Command> command) { table.commands.push_back(std::move(command)); };
  add(VmRun());
  add(VmCreate());
  add(VmStart());
  add(VmStop());
  add(VmRestart());
  add(VmPause());
  add(VmResume());
  add(VmSnapshot());
  add(VmRestore());
  add(VmClone());
  add(VmKill());
  add(VmDelete());
  add(VmPrune());
  add(VmList("vm list"));
  add(VmShow());
  add(VmSet());
  add(VmPort());
  add(VmPorts());
  add(VmExec());
  add(VmCp());
  add(VmSsh());
  add(VmSshProxy());
  add(VmWorkspace());
  add(VmLogs());
  add(VmEvents());
  add(VmStats());
  add(ImageList());
  add(ImageShow());
  add(ImagePull());
  add(ImageImport());
  add(ImageRegister());
  add(ImagePromote());
  add(ImageBuild());
  add(ImageExport());
  add(ImageDelete());
  add(ImageLogin());
  add(ImageLogout());
  add(ImageCache());
  add(KernelList());
  add(KernelShow());
  add(KernelPull());
  add(KernelImport());
  add(KernelRm());
  add(ContextAdd());
  add(ContextUse());
  add(ContextList());
  add(ContextShow());
  add(ContextRm());
  add(SystemNetwork());
  add(SystemInstall());
  add(SystemStatus());
  add(SystemRestart());
  add(SystemUninstall());
  add(VmList("ps"));
  add(Doctor());
  add(SshConfig());
  add(Web());
  add(Update());
  add(Version());
  add(Completion());
  add(CompletionNames());
  add(DoctorKvm());
  return table;
}

}  // namespace banger::cli
