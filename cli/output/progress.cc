#include "cli/output/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "banger/progress/v1/progress.pb.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"

namespace banger::cli {
namespace {

ProgressView::Style StderrStyle(bool allow_live) {
  ProgressView::Style style;
  winsize size{};
  style.live = allow_live && ::isatty(STDERR_FILENO) == 1;
  style.color = ColorStderr();
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) style.width = size.ws_col;
  style.write = [](const std::string& text) { WriteStderr(text).IgnoreError(); };
  return style;
}

// "[#####     ]  50%".
std::string Bar(std::int64_t done, std::int64_t total) {
  constexpr std::int64_t kCells = 20;
  done = std::clamp<std::int64_t>(done, 0, total);
  const double part = static_cast<double>(done) / static_cast<double>(total);
  const auto full = static_cast<std::size_t>(part * kCells);
  return absl::StrCat("[", std::string(full, '#'), std::string(kCells - full, ' '), "] ",
                      absl::Dec(static_cast<int>(part * 100), absl::kSpacePad3), "%");
}

}  // namespace

ProgressView::ProgressView(std::string title, bool allow_live)
    : ProgressView(std::move(title), StderrStyle(allow_live)) {}

ProgressView::ProgressView(std::string title, Style style)
    : title_(std::move(title)), style_(std::move(style)) {}

ProgressView::~ProgressView() { Clear(); }

void ProgressView::Show(const progress::v1::Progress& progress) {
  const std::string detail = OneLine(progress.detail());
  if (progress.warning()) {
    if (warnings_.insert(detail).second)
      Line(absl::StrCat(Paint("warning:", Color::kYellow, style_.color), " ", detail));
    return;
  }
  if (progress.stage() != last_stage_) {
    stage_began_ = style_.now();
    stage_began_at_ = progress.done_bytes();
  }
  if (style_.live) {
    style_.write(absl::StrCat("\r\033[K", LiveLine(progress)));
    drawn_ = true;
  } else if (progress.stage() != last_stage_) {
    Line(absl::StrCat(title_, ": ", OneLine(progress.stage()), detail.empty() ? "" : " ", detail));
  }
  last_stage_ = progress.stage();
}

std::string ProgressView::LiveLine(const progress::v1::Progress& progress) const {
  std::string line = absl::StrCat(title_, ": ", OneLine(progress.stage()));
  if (progress.total_bytes() > 0) {
    absl::StrAppend(&line, " ", Bar(progress.done_bytes(), progress.total_bytes()), " ",
                    HumanSize(progress.done_bytes()), "/", HumanSize(progress.total_bytes()),
                    Speed(progress));
  } else if (progress.done_bytes() > 0) {
    absl::StrAppend(&line, " ", HumanSize(progress.done_bytes()), Speed(progress));
  }
  if (!progress.detail().empty()) absl::StrAppend(&line, " ", OneLine(progress.detail()));
  // A line that wraps could not be redrawn.
  return Shorten(line, style_.width > 1 ? style_.width - 1 : 1);
}

std::string ProgressView::Speed(const progress::v1::Progress& progress) const {
  // Before that, what buffers swallowed would pass for speed.
  constexpr std::chrono::milliseconds kLeast(500);
  const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(style_.now() - stage_began_);
  const std::int64_t done = progress.done_bytes() - stage_began_at_;
  if (time < kLeast || done <= 0) return {};
  const std::int64_t rate = std::max<std::int64_t>(done * 1000 / time.count(), 1);
  std::string text = absl::StrCat(" ", HumanSize(rate), "/s");
  const std::int64_t left = progress.total_bytes() - progress.done_bytes();
  if (left > 0)
    absl::StrAppend(&text, " ", HumanDuration(std::chrono::seconds((left + rate - 1) / rate)), " left");
  return text;
}

void ProgressView::Line(const std::string& text) {
  Clear();
  style_.write(text + "\n");
}

void ProgressView::Clear() {
  if (drawn_) style_.write("\r\033[K");
  drawn_ = false;
}

}  // namespace banger::cli
