// Runs the real program against a FakeGateway.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/testing/fake_gateway.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"

namespace banger::cli {

class CliTest : public ::testing::Test {
 protected:
  CliTest();

  // With `input` as stdin.
  CommandResult Run(const std::vector<std::string>& arguments, const std::string& input = {}) const;

  // For the tests that end it themselves. Descriptors as in Subprocess::Options.
  Subprocess Start(const std::vector<std::string>& arguments, int stdin_fd = -1, int stdout_fd = -1,
                   int stderr_fd = -1) const;

  virtual std::vector<std::string> Environment() const;

  // A file in the test's directory.
  std::string WriteFile(const std::string& name, const std::string& content) const;

  const TempDir directory_;
  const std::filesystem::path socket_;
  FakeGateway gateway_;
  FakeState& state_ = gateway_.state;
};

// The program's path.
std::string BangerProgram();

}  // namespace banger::cli
