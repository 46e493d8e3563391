#include "tests/e2e/shared_instance.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "common/testing/status_matchers.h"

namespace banger::e2e {

void SharedInstanceTest::StartInstance(const InstanceOptions& options,
                                       const std::vector<std::string>& images) {
  auto instance = Instance::Start(options);
  ASSERT_OK(instance);
  instance_ = new Instance(*std::move(instance));
  ASSERT_OK(instance_->ImportKernel());
  ASSERT_OK(instance_->WarmUp());
  std::set<std::string> imported(images.begin(), images.end());
  imported.insert(TestedImage());
  imported.erase("mini");  // it comes with banger
  for (const std::string& image : imported) ASSERT_OK(instance_->ImportImage(image));
}

void SharedInstanceTest::TearDownTestSuite() {
  delete instance_;
  instance_ = nullptr;
}

CommandResult SharedInstanceTest::Run(std::vector<std::string> arguments, const std::string& input) {
  return instance_->Banger(std::move(arguments), input);
}

bool SharedInstanceTest::Succeeds(std::vector<std::string> arguments) {
  const CommandResult result = Run(std::move(arguments));
  if (!result.status.success()) ADD_FAILURE() << result.err;
  return result.status.success();
}

std::string SharedInstanceTest::Exec(const std::string& vm, const std::string& script) {
  const CommandResult result = Run({"vm", "exec", vm, "--", "sh", "-c", script});
  return result.out + result.err;
}

nlohmann::json SharedInstanceTest::Show(const std::string& vm) {
  return nlohmann::json::parse(Run({"vm", "show", vm}).out, nullptr, /*allow_exceptions=*/false);
}

}  // namespace banger::e2e
