// A hundred VMs, in batches that fit a machine's memory.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

constexpr int kBatches = 4;
constexpr int kBatch = 25;

class BatchesTest : public SharedInstanceTest {
 protected:
  static void SetUpTestSuite() { StartInstance({.config = "[vm_defaults]\nvcpu = 1\nmemory_mib = 128\n"}); }

  static std::vector<std::string> Names(int batch) {
    std::vector<std::string> names;
    for (int i = 0; i < kBatch; ++i) names.push_back(absl::StrCat("vm-", batch, "-", i));
    return names;
  }
  static void CreateAll(const std::vector<std::string>& names) {
    std::vector<Subprocess> clients;
    for (const std::string& name : names) {
      auto client = instance_->StartBanger({"vm", "create", "--name", name, "--image", "mini"});
      ASSERT_OK(client);
      clients.push_back(*std::move(client));
    }
    for (Subprocess& client : clients) {
      ASSERT_OK_AND_ASSIGN(const ExitStatus status, client.Wait());
      EXPECT_TRUE(status.success());
    }
  }
  // banger COMMAND NAMES...
  static bool All(std::vector<std::string> command, const std::vector<std::string>& names) {
    command.insert(command.end(), names.begin(), names.end());
    return Succeeds(std::move(command));
  }
  static int Count(const std::string& state) {
    const auto list =
        nlohmann::json::parse(Run({"vm", "list", "--all", "--format", "json"}).out, nullptr, false);
    int count = 0;
    if (list.is_object() && list.contains("vms"))
      for (const auto& vm : list["vms"]) count += vm["state"] == state ? 1 : 0;
    return count;
  }
};

TEST_F(BatchesTest, AHundredVmsAreCreatedListedStoppedAndDeleted) {
  const HostSnapshot before = instance_->Snapshot();
  for (int batch = 0; batch < kBatches; ++batch) {
    const std::vector<std::string> names = Names(batch);
    ASSERT_NO_FATAL_FAILURE(CreateAll(names));
    EXPECT_EQ(Count("STATE_RUNNING"), kBatch);
    for (const std::string& name : {names.front(), names.back()})
      EXPECT_EQ(Exec(name, "hostname"), name + "\n");
    ASSERT_TRUE(All({"vm", "stop"}, names));
    EXPECT_EQ(Count("STATE_STOPPED"), kBatch * (batch + 1));
  }
  for (int batch = 0; batch < kBatches; ++batch) ASSERT_TRUE(All({"vm", "delete"}, Names(batch)));
  EXPECT_EQ(Run({"vm", "list", "--all", "--format", "json"}).out.find("vm-"), std::string::npos);
  EXPECT_EQ(Changes(before, instance_->Snapshot()), "");
}

}  // namespace
}  // namespace banger::e2e
