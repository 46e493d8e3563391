// Every command, made by the file of its name.
#pragma once

#include <memory>
#include <string>

#include "cli/command.h"

namespace banger::cli {

std::unique_ptr<Command> Completion();
std::unique_ptr<Command> CompletionNames();
std::unique_ptr<Command> Doctor();
std::unique_ptr<Command> DoctorKvm();
std::unique_ptr<Command> ImageBuild();
std::unique_ptr<Command> ImageCache();
std::unique_ptr<Command> ImageDelete();
std::unique_ptr<Command> ImageExport();
std::unique_ptr<Command> ImageImport();
std::unique_ptr<Command> ImageList();
std::unique_ptr<Command> ImageLogin();
std::unique_ptr<Command> ImageLogout();
std::unique_ptr<Command> ImagePull();
std::unique_ptr<Command> ImagePromote();
std::unique_ptr<Command> ImageRegister();
std::unique_ptr<Command> ImageShow();
std::unique_ptr<Command> KernelImport();
std::unique_ptr<Command> KernelList();
std::unique_ptr<Command> KernelPull();
std::unique_ptr<Command> KernelRm();
std::unique_ptr<Command> KernelShow();
std::unique_ptr<Command> SshConfig();
std::unique_ptr<Command> SystemInstall();
std::unique_ptr<Command> SystemNetwork();
std::unique_ptr<Command> SystemRestart();
std::unique_ptr<Command> SystemStatus();
std::unique_ptr<Command> SystemUninstall();
std::unique_ptr<Command> Version();
std::unique_ptr<Command> VmClone();
std::unique_ptr<Command> VmCp();
std::unique_ptr<Command> VmCreate();
std::unique_ptr<Command> VmDelete();
std::unique_ptr<Command> VmExec();
std::unique_ptr<Command> VmKill();
// Also known as "ps".
std::unique_ptr<Command> VmList(const std::string& path);
std::unique_ptr<Command> VmLogs();
std::unique_ptr<Command> VmEvents();
std::unique_ptr<Command> VmPause();
std::unique_ptr<Command> VmPort();
std::unique_ptr<Command> VmPrune();
std::unique_ptr<Command> VmPorts();
std::unique_ptr<Command> VmRestart();
std::unique_ptr<Command> VmRestore();
std::unique_ptr<Command> VmResume();
std::unique_ptr<Command> VmRun();
std::unique_ptr<Command> VmSet();
std::unique_ptr<Command> VmShow();
std::unique_ptr<Command> VmSnapshot();
std::unique_ptr<Command> VmSsh();
std::unique_ptr<Command> VmSshProxy();
std::unique_ptr<Command> VmStart();
std::unique_ptr<Command> VmStats();
std::unique_ptr<Command> VmStop();
std::unique_ptr<Command> VmWorkspace();

// All of them, in the order of the help.
CommandTable MakeCommandTable();

}  // namespace banger::cli
