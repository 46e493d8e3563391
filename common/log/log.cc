#include "common/log/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace banger::log {
namespace {

thread_local std::string current_request_id;

// <3>error and so on, as sd-daemon(3) has them.
class JournalPrefix final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const absl::string_view prefix = message.level >= spdlog::level::err    ? "<3>"
                                     : message.level == spdlog::level::warn ? "<4>"
                                     : message.level == spdlog::level::info ? "<6>"
                                                                            : "<7>";
    out.append(prefix.data(), prefix.data() + prefix.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JournalPrefix>(); }
};

std::string Quoted(const std::string& value) {
  const bool plain = !value.empty() && std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
  });
  return plain ? value : absl::StrCat("\"", absl::Utf8SafeCEscape(value), "\"");
}

void Write(spdlog::level::level_enum level, absl::string_view message, Fields fields) {
  spdlog::logger* logger = spdlog::default_logger_raw();
  if (logger->should_log(level)) logger->log(level, FormatLine(message, fields, current_request_id));
}

}  // namespace

absl::Status Init(absl::string_view program, absl::string_view level) {
  const auto parsed = spdlog::level::from_str(std::string(level));
  if (parsed == spdlog::level::off && level != "off")
    return absl::InvalidArgumentError(
        absl::StrCat("log level '", level, "': not one of debug, info, warn, error, off"));
  auto logger = spdlog::stderr_logger_mt(std::string(program));
  if (std::getenv("JOURNAL_STREAM") != nullptr) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<JournalPrefix>('*').set_pattern("%*%v");
    logger->set_formatter(std::move(formatter));
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %n: %v");
  }
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

void Debug(absl::string_view message, Fields fields) { Write(spdlog::level::debug, message, fields); }
void Info(absl::string_view message, Fields fields) { Write(spdlog::level::info, message, fields); }
void Warn(absl::string_view message, Fields fields) { Write(spdlog::level::warn, message, fields); }
void Error(absl::string_view message, Fields fields) { Write(spdlog::level::err, message, fields); }

ScopedRequestId::ScopedRequestId(std::string id)
    : previous_(std::exchange(current_request_id, std::move(id))) {}
ScopedRequestId::~ScopedRequestId() { current_request_id = std::move(previous_); }

const std::string& CurrentRequestId() { return current_request_id; }

std::string FormatLine(absl::string_view message, Fields fields, absl::string_view request_id) {
  std::string line = absl::Utf8SafeCEscape(message);
  for (const auto& [key, value] : fields) absl::StrAppend(&line, " ", key, "=", Quoted(value));
  if (!request_id.empty()) absl::StrAppend(&line, " request=", Quoted(std::string(request_id)));
  return line;
}

}  // namespace banger::log
