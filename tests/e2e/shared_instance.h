// What tests do that share one instance of banger.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tests/e2e/harness.h"

namespace banger::e2e {

class SharedInstanceTest : public ::testing::Test {
 protected:
  // For SetUpTestSuite: an instance with the kernel, those images and the tested one,
  // and warm.
  static void StartInstance(const InstanceOptions& options = {}, const std::vector<std::string>& images = {});
  static void SetUpTestSuite() { StartInstance(); }
  static void TearDownTestSuite();
  void SetUp() override { ASSERT_NE(instance_, nullptr); }

  // banger ARGS...
  static CommandResult Run(std::vector<std::string> arguments, const std::string& input = {});
  // The same; a failure is one of the test, too.
  static bool Succeeds(std::vector<std::string> arguments);
  // What the script prints in the guest, stdout before stderr.
  static std::string Exec(const std::string& vm, const std::string& script);
  // 'vm show' as JSON; discarded when there is none.
  static nlohmann::json Show(const std::string& vm);

  static inline Instance* instance_ = nullptr;
};

}  // namespace banger::e2e
