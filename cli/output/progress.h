#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>

namespace banger::progress::v1 {
class Progress;
}

namespace banger::cli {

// Shows how far a long call has come: one live line with a bar, the rate and the
// time that remains on a terminal, else a plain line whenever the stage changes. Not thread-safe.
class ProgressView {
 public:
  struct Style {
    bool live = false;
    bool color = false;
    std::size_t width = 80;  // of the terminal, in characters
    std::function<void(const std::string&)> write;
    std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
  };

  // On stderr: live when it is a terminal and `allow_live`.
  explicit ProgressView(std::string title, bool allow_live = true);
  ProgressView(std::string title, Style style);
  // Takes the live line away.
  ~ProgressView();
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;

  void Show(const progress::v1::Progress& progress);

  // A line that stays; the live line is drawn again below the next Show.
  void Line(const std::string& text);

  void Clear();

 private:
  std::string LiveLine(const progress::v1::Progress& progress) const;
  // " 12M/s 30s left"; empty while it is too early to tell.
  std::string Speed(const progress::v1::Progress& progress) const;

  std::string title_;
  Style style_;
  bool drawn_ = false;
  std::string last_stage_;
  std::chrono::steady_clock::time_point stage_began_;
  std::int64_t stage_began_at_ = 0;  // bytes that were done then
  std::set<std::string> warnings_;   // each is shown once
};

}  // namespace banger::cli
