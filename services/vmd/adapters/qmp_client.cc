#include "services/vmd/adapters/qmp_client.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxLine = 1 << 20;
// Of the capabilities command, the first that we send.
constexpr std::int64_t kGreetingId = 0;

std::string DescribeError(const json& error) {
  if (error.is_object() && error.contains("desc") && error["desc"].is_string())
    return error["desc"].get<std::string>().substr(0, 1000);
  return "an error without description";
}

// QEMU nests a few levels. What a guest that took it over nests deeper would
// overflow the stack of whoever copies or frees it.
json ParseLine(const std::string& line) {
  constexpr int kMaxDepth = 32;
  bool too_deep = false;
  const auto within_depth = [&too_deep](int depth, json::parse_event_t, const json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  json value = json::parse(line, within_depth, /*allow_exceptions=*/false);
  return too_deep ? json() : value;
}

}  // namespace

QmpClient::QmpClient(UniqueFd socket, OnEvent on_event)
    : socket_(std::move(socket)), on_event_(std::move(on_event)), reader_([this] { Read(); }) {}

QmpClient::~QmpClient() {
  ::shutdown(socket_.get(), SHUT_RDWR);
  reader_.join();
}

void QmpClient::Read() {
  std::string buffered;
  char chunk[16 << 10];
  bool good = true;
  while (good) {
    const ssize_t n = ::recv(socket_.get(), chunk, sizeof chunk, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    buffered.append(chunk, static_cast<std::size_t>(n));
    std::size_t begin = 0;
    for (std::size_t end; good && (end = buffered.find('\n', begin)) != std::string::npos; begin = end + 1)
      good = HandleLine(buffered.substr(begin, end - begin));
    buffered.erase(0, begin);
    good = good && buffered.size() <= kMaxLine;
  }
  ::shutdown(socket_.get(), SHUT_RDWR);
  const MutexLock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

// False ends the connection.
bool QmpClient::HandleLine(const std::string& line) {
  const json message = ParseLine(line);
  if (!message.is_object()) return false;
  if (message.contains("QMP")) return Send({{"execute", "qmp_capabilities"}, {"id", kGreetingId}}).ok();
  if (!message.contains("event")) return HandleReply(message);
  if (!message["event"].is_string()) return false;
  on_event_(message["event"].get<std::string>(), message.value("data", json::object()));
  return true;
}

bool QmpClient::HandleReply(const json& message) {
  const bool numbered = message.contains("id") && message["id"].is_number_integer();
  // QEMU leaves the id out when it could not read the command; none of ours is such.
  if (!numbered || (!message.contains("return") && !message.contains("error"))) return false;
  const auto id = message["id"].get<std::int64_t>();
  const MutexLock lock(mutex_);
  if (id == kGreetingId) {
    ready_ = message.contains("return");
    changed_.notify_all();
    return ready_;
  }
  // Answers that nobody waits for any more are dropped.
  if (const auto waiting = waiting_.find(id); waiting != waiting_.end()) waiting->second = message;
  changed_.notify_all();
  return true;
}

absl::Status QmpClient::Send(const json& message, int descriptor) {
  // A command is far smaller than a socket's buffer: a write that would block
  // means that the peer has stopped reading.
  std::string line = message.dump() + "\n";
  iovec part{.iov_base = line.data(), .iov_len = line.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
  if (descriptor >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  }
  const ssize_t n = ::sendmsg(socket_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n == static_cast<ssize_t>(line.size())) return absl::OkStatus();
  if (n >= 0 || errno == EAGAIN) return absl::DeadlineExceededError("QEMU does not read its monitor");
  return absl::UnavailableError("QEMU has closed its monitor");
}

absl::StatusOr<json> QmpClient::Execute(const std::string& command, std::chrono::milliseconds timeout,
                                        const json& arguments, int descriptor) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const std::string what = absl::StrCat("QMP command '", command, "'");
  MutexLock lock(mutex_);
  const std::int64_t id = next_id_++;
  waiting_[id];
  const absl::Cleanup forget = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { waiting_.erase(id); };
  const auto wait_for = [&](auto condition) {
    changed_.wait_until(lock, deadline,
                        [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return ended_ || condition(); });
  };

  wait_for([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return ready_; });
  if (!ready_ && !ended_) return absl::DeadlineExceededError(absl::StrCat(what, ": QEMU did not greet"));
  if (!ended_) {
    json request = {{"execute", command}, {"id", id}};
    if (!arguments.empty()) request["arguments"] = arguments;
    BANGER_RETURN_IF_ERROR(Annotate(Send(request, descriptor), what));
    wait_for([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return waiting_[id].has_value(); });
  }
  const std::optional<json>& reply = waiting_[id];
  if (!reply.has_value()) {
    if (ended_) return absl::UnavailableError(absl::StrCat(what, ": QEMU's monitor is closed"));
    return absl::DeadlineExceededError(
        absl::StrCat(what, ": QEMU did not answer within ", timeout.count(), " ms"));
  }
  if (reply->contains("error"))
    return absl::InternalError(absl::StrCat(what, ": ", DescribeError((*reply)["error"])));
  return (*reply)["return"];
}

bool QmpClient::WaitForEnd(std::chrono::milliseconds timeout) {
  MutexLock lock(mutex_);
  return changed_.wait_for(lock, timeout, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return ended_; });
}

}  // namespace banger::vmd
