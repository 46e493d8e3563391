#include "services/kerneld/adapters/initrd_builder.h"

#include <fcntl.h>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "services/kerneld/adapters/cpio_writer.h"

namespace banger::kerneld {

absl::Status WriteModuleInitrd(const std::filesystem::path& initrd, const std::filesystem::path& init,
                               const ModuleTree& modules, const std::vector<std::string>& names) {
  BANGER_ASSIGN_OR_RETURN(const std::string program, ReadFile(init));
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(initrd, O_WRONLY | O_CREAT | O_EXCL, 0644));
  CpioWriter cpio(fd.get());
  // The console is there before devtmpfs, so that /init can say what fails.
  BANGER_RETURN_IF_ERROR(cpio.AddDirectory("dev"));
  BANGER_RETURN_IF_ERROR(cpio.AddCharDevice("dev/console", 0600, 5, 1));
  for (const char* mount_point : {"proc", "sys", "root", "lib", "lib/modules"})
    BANGER_RETURN_IF_ERROR(cpio.AddDirectory(mount_point));
  BANGER_RETURN_IF_ERROR(cpio.AddFile("init", program, 0755));
  std::string list;
  for (const std::string& name : names) {
    BANGER_ASSIGN_OR_RETURN(const std::string module, modules.Load(name));
    const std::string path = absl::StrCat("lib/modules/", name, ".ko");
    BANGER_RETURN_IF_ERROR(cpio.AddFile(path, module, 0644));
    absl::StrAppend(&list, "/", path, "\n");
  }
  BANGER_RETURN_IF_ERROR(cpio.AddFile("modules.list", list, 0644));
  return cpio.Finish();
}

}  // namespace banger::kerneld
