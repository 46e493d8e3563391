#include "cli/commands/vm_event_stream.h"

#include <gtest/gtest.h>

namespace banger::cli {
namespace {

using vm::v1::WatchVmsResponse;

WatchVmsResponse Has(const std::string& name) {
  WatchVmsResponse response;
  response.add_vms()->set_name("vms/" + name);
  response.mutable_vms(0)->set_uid("uid-" + name);
  return response;
}

WatchVmsResponse Synced() {
  WatchVmsResponse response;
  response.set_synced(true);
  response.set_resume_token("r");
  return response;
}

// What is told of it, in short.
std::string Told(VmEventStream& stream, WatchVmsResponse response) {
  if (!stream.Take(response)) return "nothing";
  std::string told;
  for (const vm::v1::Vm& vm : response.vms()) told += vm.name() + " ";
  for (const vm::v1::DeletedVm& vm : response.deleted_vms()) told += "-" + vm.name() + " " + vm.uid() + " ";
  return told + (response.synced() ? "synced" : "");
}

TEST(VmEventStreamTest, TheFirstListEndsAndCallsThatGoOnSayNoMoreOfIt) {
  VmEventStream stream;
  EXPECT_EQ(Told(stream, Has("web")), "vms/web ");
  EXPECT_EQ(Told(stream, Synced()), "synced");
  EXPECT_EQ(Told(stream, Synced()), "nothing");
  EXPECT_EQ(Told(stream, Has("db")), "vms/db ");
}

TEST(VmEventStreamTest, AListThatComesAgainIsChanges) {
  VmEventStream stream;
  for (const char* name : {"stays", "goes", "went"}) Told(stream, Has(name));
  Told(stream, Synced());
  WatchVmsResponse deleted;
  deleted.add_deleted_vms()->set_uid("uid-went");
  Told(stream, deleted);
  stream.Restart();
  EXPECT_EQ(Told(stream, Has("stays")), "vms/stays ");
  EXPECT_EQ(Told(stream, Has("comes")), "vms/comes ");
  EXPECT_EQ(Told(stream, Synced()), "-vms/goes uid-goes ");
}

TEST(VmEventStreamTest, AListThatIsCutOffBeginsAnew) {
  VmEventStream stream;
  Told(stream, Has("stays"));
  Told(stream, Has("goes"));
  stream.Restart();
  Told(stream, Has("stays"));
  EXPECT_EQ(Told(stream, Synced()), "-vms/goes uid-goes synced");
}

}  // namespace
}  // namespace banger::cli
