#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace banger::e2e {

// A program on a pseudo-terminal of its own, 30 rows of 100 columns; ended by the
// destructor.
class Terminal {
 public:
  // With `root` as BANGER_ROOT.
  Terminal(const std::vector<std::string>& argv, const std::string& root);
  ~Terminal();

  void Type(const std::string& text);

  // Reads until `text` has been shown after what was awaited before.
  bool Await(const std::string& text, std::chrono::seconds timeout = std::chrono::seconds(60));

  void Resize(int rows, int columns);
  bool IsRaw() const;
  int WaitForExit();

  const std::string& shown() const { return shown_; }

 private:
  int master_ = -1;
  pid_t pid_ = 0;
  std::string shown_;
  std::size_t seen_ = 0;
};

}  // namespace banger::e2e
