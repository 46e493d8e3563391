#include "services/netd/adapters/helper_process.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

using Message = HelperProcess::Message;

constexpr std::uint32_t kMaxMessage = 64 << 20;
constexpr int kSocketInHelper = 3;

void AppendNumber(std::string& bytes, std::size_t number) {
  const auto value = static_cast<std::uint32_t>(number);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::uint32_t ReadNumber(const char* bytes) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// Without a signal when the other end has gone.
absl::Status SendAll(int socket, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, "send");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReceiveAll(int socket, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t done = 0; done < size;) {
    const ssize_t n = ::recv(socket, bytes.data() + done, size - done, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, "receive");
    if (n == 0) return absl::UnavailableError("the other end has gone");
    done += static_cast<std::size_t>(n);
  }
  return bytes;
}

// The size of all, then each part's size and bytes.
absl::Status Send(int socket, const Message& message) {
  std::string parts;
  for (const std::string& part : message) {
    AppendNumber(parts, part.size());
    parts.append(part);
  }
  if (parts.size() > kMaxMessage) return absl::ResourceExhaustedError("a message of more than 64 MiB");
  std::string head;
  AppendNumber(head, parts.size());
  BANGER_RETURN_IF_ERROR(SendAll(socket, head));
  return SendAll(socket, parts);
}

absl::StatusOr<Message> Receive(int socket) {
  BANGER_ASSIGN_OR_RETURN(const std::string head, ReceiveAll(socket, sizeof(std::uint32_t)));
  const std::uint32_t size = ReadNumber(head.data());
  if (size > kMaxMessage) return absl::ResourceExhaustedError("a message of more than 64 MiB");
  BANGER_ASSIGN_OR_RETURN(const std::string parts, ReceiveAll(socket, size));
  Message message;
  for (std::size_t at = 0; at < parts.size();) {
    const std::size_t left = parts.size() - at;
    const std::size_t part = left < sizeof(std::uint32_t) ? left : ReadNumber(parts.data() + at);
    if (left < sizeof(std::uint32_t) || part > left - sizeof(std::uint32_t))
      return absl::DataLossError("a message that ends early");
    message.push_back(parts.substr(at + sizeof(std::uint32_t), part));
    at += sizeof(std::uint32_t) + part;
  }
  return message;
}

// The helper's whole life. Nothing but stderr and the socket stays open.
[[noreturn]] void Serve(int socket, const HelperProcess::Options& options) {
  ::prctl(PR_SET_NAME, options.name.c_str());
  if (socket != kSocketInHelper) ::dup2(socket, kSocketInHelper);
  ::close_range(kSocketInHelper + 1, ~0U, 0);
  const absl::Status confined = options.confine();
  const absl::Status told =
      Send(kSocketInHelper, confined.ok() ? Message{} : Message{std::string(confined.message())});
  while (confined.ok() && told.ok()) {
    const absl::StatusOr<Message> question = Receive(kSocketInHelper);
    if (!question.ok() || !Send(kSocketInHelper, options.serve(*question)).ok()) break;
  }
  ::_exit(0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<HelperProcess>> HelperProcess::Start(Options options) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    return ErrnoError(errno, "create a socket pair");
  UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return ErrnoError(errno, absl::StrCat("start helper '", options.name, "'"));
  if (pid == 0) Serve(theirs.get(), options);
  theirs.Reset();
  const int socket = ours.get();
  std::unique_ptr<HelperProcess> helper(new HelperProcess(std::move(options), pid, std::move(ours)));
  const absl::StatusOr<Message> ready = Receive(socket);
  const absl::Status confined = !ready.ok()      ? ready.status()
                                : ready->empty() ? absl::OkStatus()
                                                 : absl::InternalError(ready->front());
  if (!confined.ok()) return Annotate(confined, absl::StrCat("start helper '", helper->options_.name, "'"));
  return helper;
}

HelperProcess::~HelperProcess() {
  {
    const MutexLock lock(mutex_);
    socket_.Reset();
  }
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

absl::StatusOr<Message> HelperProcess::Ask(const Message& question) {
  const MutexLock lock(mutex_);
  if (!socket_.valid()) return absl::UnavailableError(absl::StrCat("helper '", options_.name, "' has ended"));
  absl::Status failed = Send(socket_.get(), question);
  if (failed.ok()) {
    absl::StatusOr<Message> answer = Receive(socket_.get());
    if (answer.ok()) return answer;
    failed = answer.status();
  }
  // What would come next could be the answer to this one.
  socket_.Reset();
  if (options_.on_lost) options_.on_lost();
  return absl::UnavailableError(absl::StrCat("helper '", options_.name, "': ", failed.message()));
}

}  // namespace banger::netd
