// A real browser for tests of pages: Debian's Chromium without a window, driven by its
// DevTools protocol over pipes.
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/os/unique_fd.h"

namespace banger {

// One page of a browser of its own, with an empty profile. Not thread-safe.
class Browser {
 public:
  static absl::StatusOr<Browser> Start();
  Browser(Browser&&) = default;
  Browser& operator=(Browser&&) = delete;
  // Ends the browser with all its processes.
  ~Browser();

  absl::Status Open(const std::string& url);

  // The value of a JavaScript expression, awaited if it is a promise. INTERNAL with what
  // the page threw.
  absl::StatusOr<nlohmann::json> Evaluate(const std::string& expression);
  // Until the expression is true; false when it is not in time.
  bool Await(const std::string& expression, std::chrono::seconds timeout = std::chrono::seconds(180));

  // As from the keyboard, into what has the focus. '\n' is Enter.
  absl::Status Type(const std::string& text);

  // The window's width in pixels, and whether the user likes pages dark.
  absl::Status Look(int width, bool dark);
  // A PNG of the whole page.
  absl::Status Screenshot(const std::filesystem::path& file);

  // What the page threw, or the browser complained of: also what the page's
  // Content-Security-Policy forbade.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  explicit Browser(TempDir profile) : profile_(std::move(profile)) {}
  absl::StatusOr<nlohmann::json> Command(const std::string& method, const nlohmann::json& parameters);
  absl::StatusOr<nlohmann::json> Receive();
  void Note(const nlohmann::json& event);

  TempDir profile_;
  UniqueFd to_;
  UniqueFd from_;
  std::vector<Subprocess> process_;
  std::string received_;
  std::string session_;
  int last_id_ = 0;
  std::vector<std::string> complaints_;
};

}  // namespace banger
