// What "vm create" and "vm run" share: the flags that shape a VM, and the call.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "cli/commands/size_flags.h"
#include "cli/flags.h"

namespace banger::cli {

class Client;

struct NewVm {
  std::string name;
  std::string image;
  VmSizes sizes;
  bool no_start = false;
  bool nat = false;
  std::string egress;
  std::vector<std::string> allow_vms;
  std::vector<std::string> publish;
};

void DeclareNewVm(Flags& flags, NewVm& vm);

// What an image is called here whose reference is given, or whose name.
std::string ImageIdFor(const std::string& image);

// "create vm 'web'", for messages.
std::string Describe(const NewVm& vm);

// Makes the VM and, unless no_start, waits until it is ready; pulls its image when
// that is not here; shows progress.
// Errors say what was tried.
absl::StatusOr<vm::v1::Vm> CreateVm(Client& client, const NewVm& vm);

}  // namespace banger::cli
