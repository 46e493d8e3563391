// Runs the real program in a pseudo-terminal, against a FakeGateway.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <string>
#include <vector>

#include "cli/testing/cli_fixture.h"
#include "common/os/unique_fd.h"

namespace banger::cli {

class TerminalTest : public CliTest {
 protected:
  void SetUp() override;
  void TearDown() override;

  // The program with the terminal as its controlling one.
  void StartInTerminal(std::vector<std::string> arguments);
  void Type(const std::string& keys) const;
  // Reads the screen until the text is on it.
  bool WaitForScreen(const std::string& text);
  // The exit code, or 1000 and the signal's number.
  int WaitForExit();
  termios Mode() const;
  bool ModeIsAsBefore() const;

  UniqueFd master_;
  UniqueFd slave_;
  termios before_{};
  pid_t pid_ = 0;
  std::string screen_;
};

}  // namespace banger::cli
