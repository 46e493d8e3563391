#include "common/archive/read_ahead.h"

#include <algorithm>
#include <utility>

#include "common/status/status_macros.h"

namespace banger {
namespace {

constexpr std::size_t kPieceSize = 256 << 10;
constexpr std::size_t kMaxPieces = 8;

// Fills a piece as far as the source goes.
absl::StatusOr<std::size_t> Fill(ByteSource& source, std::vector<char>& piece) {
  std::size_t size = 0;
  while (size < piece.size()) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, source.Read(std::span(piece).subspan(size)));
    if (count == 0) break;
    size += count;
  }
  return size;
}

}  // namespace

ReadAhead::ReadAhead(MakeSource make, const std::stop_token& stop)
    : on_stop_(stop, [this] { stop_.request_stop(); }),
      thread_([this, make = std::move(make)] { Run(make); }) {}

ReadAhead::~ReadAhead() {
  stop_.request_stop();
  thread_.join();
}

void ReadAhead::Run(const MakeSource& make) {
  absl::StatusOr<std::unique_ptr<ByteSource>> source = make(stop_.get_token());
  if (!source.ok()) return End(source.status());
  for (;;) {
    std::vector<char> piece;
    {
      const MutexLock lock(mutex_);
      if (!empty_.empty()) {
        piece = std::move(empty_.back());
        empty_.pop_back();
      }
    }
    piece.resize(kPieceSize);
    const absl::StatusOr<std::size_t> size = Fill(**source, piece);
    if (!size.ok()) return End(size.status());
    if (*size == 0) return End(absl::OkStatus());
    piece.resize(*size);
    if (!Put(std::move(piece))) return End(absl::CancelledError("stopped"));
  }
}

bool ReadAhead::Put(std::vector<char> piece) {
  MutexLock lock(mutex_);
  const bool room = changed_.wait(
      lock, stop_.get_token(), [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return full_.size() < kMaxPieces; });
  if (!room) return false;
  full_.push_back(std::move(piece));
  changed_.notify_all();
  return true;
}

void ReadAhead::End(absl::Status status) {
  const MutexLock lock(mutex_);
  ended_ = true;
  end_ = std::move(status);
  changed_.notify_all();
}

absl::StatusOr<std::size_t> ReadAhead::Read(std::span<char> buffer) {
  if (used_ == current_.size()) {
    MutexLock lock(mutex_);
    if (current_.capacity() > 0) empty_.push_back(std::move(current_));
    current_.clear();
    used_ = 0;
    changed_.wait(lock, stop_.get_token(),
                  [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return ended_ || !full_.empty(); });
    if (stop_.stop_requested()) return absl::CancelledError("stopped");
    if (full_.empty() && !end_.ok()) return end_;
    if (full_.empty()) return 0;
    current_ = std::move(full_.front());
    full_.erase(full_.begin());
    changed_.notify_all();
  }
  const std::size_t count = std::min(buffer.size(), current_.size() - used_);
  std::copy_n(current_.data() + used_, count, buffer.data());
  used_ += count;
  return count;
}

}  // namespace banger
