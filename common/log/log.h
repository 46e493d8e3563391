// One line an event: a message, then fields. `main`, the RPC edge and background
// loops log; libraries return errors instead.
//
//   log::Info("vm started", {{"vm", name}, {"boot_ms", absl::StrCat(ms)}});
//
// error: something a user asked for did not happen. warn: odd but harmless.
// info: rare, meaningful changes of state. debug: for developers.
//
// Under systemd (JOURNAL_STREAM) lines carry the <priority> prefix and no time.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace banger::log {

using Fields = std::initializer_list<std::pair<absl::string_view, std::string>>;

// Once, before any thread. `program` starts each line; `level` is one of debug,
// info, warn, error, off (INVALID_ARGUMENT otherwise). Without it: info.
absl::Status Init(absl::string_view program, absl::string_view level);

void Debug(absl::string_view message, Fields fields = {});
void Info(absl::string_view message, Fields fields = {});
void Warn(absl::string_view message, Fields fields = {});
void Error(absl::string_view message, Fields fields = {});

// While it lives, every line of this thread has request=ID.
class ScopedRequestId {
 public:
  explicit ScopedRequestId(std::string id);
  ~ScopedRequestId();
  ScopedRequestId(const ScopedRequestId&) = delete;
  ScopedRequestId& operator=(const ScopedRequestId&) = delete;

 private:
  std::string previous_;
};

// Of this thread; empty when there is none.
const std::string& CurrentRequestId();

// "msg key=value"; values with blanks, quotes or control characters are quoted
// and escaped, so that no value can forge a line.
std::string FormatLine(absl::string_view message, Fields fields, absl::string_view request_id);

}  // namespace banger::log
