#include "cli/commands/vm_event_lines.h"

#include <gtest/gtest.h>

namespace banger::cli {
namespace {

using vm::v1::Vm;
using vm::v1::WatchVmsResponse;

WatchVmsResponse Has(const std::string& name, Vm::State state, const std::string& detail = "") {
  WatchVmsResponse response;
  Vm& vm = *response.add_vms();
  vm.set_name("vms/" + name);
  vm.set_uid("uid-" + name);
  vm.set_state(state);
  vm.set_state_detail(detail);
  return response;
}

TEST(VmEventLinesTest, EachNewStateIsALine) {
  VmEventLines lines;
  EXPECT_EQ(lines.Take(Has("web", Vm::STATE_RUNNING)), "web   RUNNING\n");
  EXPECT_EQ(lines.Take(Has("web", Vm::STATE_RUNNING)), "");
  EXPECT_EQ(lines.Take(Has("web", Vm::STATE_ERROR, "panic\x1b[31m")), "web   ERROR   panic?[31m\n");
  WatchVmsResponse gone;
  gone.add_deleted_vms()->set_name("vms/web");
  gone.mutable_deleted_vms(0)->set_uid("uid-web");
  EXPECT_EQ(lines.Take(gone), "web   DELETED\n");
}

}  // namespace
}  // namespace banger::cli
