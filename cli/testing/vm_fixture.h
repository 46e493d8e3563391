#pragma once

#include <cstdint>
#include <string>

#include "cli/testing/cli_fixture.h"

namespace banger::cli {

// A gateway with two VMs: web runs, old is stopped.
class VmTest : public CliTest {
 protected:
  VmTest() {
    Add("web", "aaaaaaaaaaaa", vm::v1::Vm::STATE_RUNNING);
    Add("old", "bbbbbbbbbbbb", vm::v1::Vm::STATE_STOPPED);
  }
  void Add(const std::string& name, const std::string& uid, vm::v1::Vm::State state) {
    vm::v1::Vm& vm = *state_.vms.add_vms();
    vm.set_name("vms/" + name);
    vm.set_uid(uid);
    vm.set_state(state);
    vm.set_image("images/deb");
    vm.set_vcpu(2);
    vm.set_memory_mib(1536);
    vm.set_disk_size_bytes(std::int64_t{8} << 30);
  }
};

}  // namespace banger::cli
