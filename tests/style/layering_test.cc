#include "tests/style/layering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banger::style {
namespace {

bool MayInclude(const std::string& path, const std::string& include) {
  return LayeringFaults({.path = path, .text = "#include " + include + "\n"}).empty();
}

TEST(LayeringTest, TheTreeKeepsItsBorders) {
  ASSERT_GT(SourceTree().size(), 100u);
  for (const SourceFile& file : SourceTree())
    for (const std::string& fault : LayeringFaults(file)) ADD_FAILURE() << fault;
}

TEST(LayeringTest, ACoreKnowsNeitherWireNorHostNorWhatIsAroundIt) {
  const std::string core = "services/vmd/core/vm.cc";
  EXPECT_TRUE(MayInclude(core, "<sys/types.h>"));
  EXPECT_TRUE(MayInclude(core, "<vector>"));
  EXPECT_TRUE(MayInclude(core, "\"absl/status/status.h\""));
  EXPECT_TRUE(MayInclude(core, "\"common/sync/mutex.h\""));
  EXPECT_TRUE(MayInclude(core, "\"services/vmd/core/ports.h\""));
  EXPECT_TRUE(MayInclude(core, "\"services/vmd/errors.h\""));
  EXPECT_FALSE(MayInclude(core, "<grpcpp/grpcpp.h>"));
  EXPECT_FALSE(MayInclude(core, "<google/protobuf/message.h>"));
  EXPECT_FALSE(MayInclude(core, "\"banger/vm/v1/vm_service.pb.h\""));
  EXPECT_FALSE(MayInclude(core, "<sys/mount.h>"));
  EXPECT_FALSE(MayInclude(core, "<unistd.h>"));
  EXPECT_FALSE(MayInclude(core, "\"common/os/file.h\""));
  EXPECT_FALSE(MayInclude(core, "\"services/vmd/adapters/sqlite.h\""));
  EXPECT_FALSE(MayInclude(core, "\"services/vmd/convert.h\""));
  EXPECT_TRUE(MayInclude("services/vmd/core/vm_test.cc", "<unistd.h>"));
}

TEST(LayeringTest, AServiceNeverIncludesAnotherNorItsUsers) {
  EXPECT_TRUE(MayInclude("services/vmd/server.cc", "\"services/vmd/adapters/sqlite.h\""));
  EXPECT_FALSE(MayInclude("services/vmd/server.cc", "\"services/netd/names.h\""));
  EXPECT_FALSE(MayInclude("services/vmd/server_test.cc", "\"services/netd/names.h\""));
  EXPECT_FALSE(MayInclude("services/vmd/server.cc", "\"cli/client.h\""));
  EXPECT_FALSE(MayInclude("services/vmd/server.cc", "\"services/vmd/testing/fake_vmm.h\""));
  EXPECT_FALSE(MayInclude("services/vmd/adapters/sqlite.cc", "\"services/vmd/server.h\""));
}

TEST(LayeringTest, ARoomOfCommonUsesLowerRoomsOnly) {
  EXPECT_TRUE(MayInclude("common/os/file.cc", "\"common/status/error.h\""));
  EXPECT_TRUE(MayInclude("common/os/file.cc", "\"common/os/unique_fd.h\""));
  EXPECT_FALSE(MayInclude("common/status/error.cc", "\"common/os/file.h\""));
  EXPECT_FALSE(MayInclude("common/os/file.cc", "\"common/nowhere/x.h\""));
  EXPECT_FALSE(MayInclude("common/os/file.cc", "<grpcpp/grpcpp.h>"));
  EXPECT_FALSE(MayInclude("common/rpc/server.cc", "\"services/vmd/errors.h\""));
  EXPECT_FALSE(MayInclude("common/os/file.cc", "\"common/testing/status_matchers.h\""));
  EXPECT_TRUE(MayInclude("common/os/file_test.cc", "\"common/testing/status_matchers.h\""));
}

TEST(LayeringTest, TheCliKnowsServicesByTheirProtosOnly) {
  EXPECT_TRUE(MayInclude("cli/main.cc", "\"banger/vm/v1/vm_service.grpc.pb.h\""));
  EXPECT_TRUE(MayInclude("cli/main.cc", "\"common/rpc/channel.h\""));
  EXPECT_FALSE(MayInclude("cli/main.cc", "\"services/vmd/errors.h\""));
}

TEST(LayeringTest, IncludesAreWrittenFromTheRootAndFaultsNameTheLine) {
  EXPECT_FALSE(MayInclude("cli/main.cc", "\"client.h\""));
  EXPECT_THAT(LayeringFaults({.path = "cli/main.cc", .text = "\n#include \"client.h\"\n"}),
              ::testing::ElementsAre(::testing::StartsWith("cli/main.cc:2: client.h: ")));
}

}  // namespace
}  // namespace banger::style
