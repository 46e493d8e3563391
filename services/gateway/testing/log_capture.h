// What this process logs while it runs.
#pragma once

#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <utility>

namespace banger::gateway {

// Made before the threads that log, and gone after them.
class LogCapture {
 public:
  LogCapture() { spdlog::set_default_logger(std::make_shared<spdlog::logger>("captured", lines_)); }
  ~LogCapture() { spdlog::set_default_logger(std::move(before_)); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  bool Has(const std::string& first, const std::string& second) const { return Count(first, second) > 0; }

  // The last one that has it; empty when none does.
  std::string Line(const std::string& part) const {
    std::string last;
    for (const std::string& line : lines_->last_formatted())
      if (line.find(part) != std::string::npos) last = line;
    return last;
  }

  // The lines that have both.
  int Count(const std::string& first, const std::string& second) const {
    int count = 0;
    for (const std::string& line : lines_->last_formatted())
      if (line.find(first) != std::string::npos && line.find(second) != std::string::npos) ++count;
    return count;
  }

 private:
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> lines_ =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(1000);
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

}  // namespace banger::gateway
