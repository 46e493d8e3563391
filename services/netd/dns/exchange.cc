#include "services/netd/dns/exchange.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace banger::netd::dns {
namespace {

constexpr std::size_t kMaxAttempts = 4;
constexpr std::size_t kUdpBuffer = 4096;

std::uint16_t RandomId() {
  std::uint16_t id = 0;
  [[maybe_unused]] const ssize_t n = ::getrandom(&id, sizeof id, 0);
  return id;
}

UniqueFd Connect(const SocketAddress& server, int type) {
  UniqueFd fd(::socket(server.family(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.valid() && ::connect(fd.get(), server.get(), server.size()) < 0 && errno != EINPROGRESS) fd.Reset();
  return fd;
}

bool IsFinal(const Answer& answer) { return answer.rcode() == kNoError || answer.rcode() == kNameError; }

}  // namespace

Exchange::Exchange(EventLoop& loop, Upstreams& upstreams, Question question, const Limits& limits, Done done)
    : loop_(loop),
      upstreams_(upstreams),
      question_(std::move(question)),
      limits_(limits),
      done_(std::move(done)),
      servers_(upstreams.Current()) {}

Exchange::~Exchange() {
  for (const EventLoop::TimerId& timer : timers_) loop_.Cancel(timer);
  for (const std::unique_ptr<Attempt>& attempt : attempts_) Close(*attempt);
}

void Exchange::Start() {
  timers_.push_back(loop_.After(limits_.total, [this] { Finish(failure_); }));
  AskNext();
}

void Exchange::AskNext() {
  const std::size_t most = std::min(servers_.size() * 2, kMaxAttempts);
  while (asked_ < most) {
    const SocketAddress server = servers_[asked_++ % servers_.size()];
    if (!AskByUdp(server, true)) continue;
    timers_.push_back(loop_.After(limits_.patience, [this, server] {
      upstreams_.NoteFailure(server);
      if (asked_ < std::min(servers_.size() * 2, kMaxAttempts)) AskNext();
    }));
    return;
  }
  const bool waiting = std::any_of(attempts_.begin(), attempts_.end(),
                                   [](const auto& attempt) { return attempt->fd.valid(); });
  if (!waiting) Finish(failure_);
}

bool Exchange::AskByUdp(const SocketAddress& server, bool edns) {
  auto attempt =
      std::make_unique<Attempt>(Attempt{server, Connect(server, SOCK_DGRAM), RandomId(), edns, ""});
  if (!attempt->fd.valid()) return false;
  const std::string message = Message(*attempt);
  if (::send(attempt->fd.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) return false;
  Attempt* const raw = attempt.get();
  if (!loop_.Watch(raw->fd.get(), EPOLLIN, [this, raw](std::uint32_t) { OnUdp(*raw); }).ok()) return false;
  attempts_.push_back(std::move(attempt));
  return true;
}

bool Exchange::AskByTcp(const SocketAddress& server, bool edns) {
  auto attempt =
      std::make_unique<Attempt>(Attempt{server, Connect(server, SOCK_STREAM), RandomId(), edns, ""});
  if (!attempt->fd.valid()) return false;
  Attempt* const raw = attempt.get();
  const auto handler = [this, raw](std::uint32_t events) { OnTcp(*raw, events); };
  if (!loop_.Watch(raw->fd.get(), EPOLLOUT, handler).ok()) return false;
  attempts_.push_back(std::move(attempt));
  return true;
}

void Exchange::OnUdp(Attempt& attempt) {
  char buffer[kUdpBuffer];
  for (;;) {
    const ssize_t n = ::recv(attempt.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) return Fail(attempt);
    auto answer = Parse(attempt, {buffer, static_cast<std::size_t>(n)});
    if (answer != nullptr) return OnAnswer(attempt, std::move(answer));
  }
}

void Exchange::OnTcp(Attempt& attempt, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    std::string message = Message(attempt);
    message.insert(0, 2, '\0');
    Write16(message.data(), static_cast<std::uint16_t>(message.size() - 2));
    // It is short and the first: it fits into an empty buffer, or there is no connection.
    const ssize_t n = ::send(attempt.fd.get(), message.data(), message.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(message.size())) return Fail(attempt);
    return loop_.Rewatch(attempt.fd.get(), EPOLLIN);
  }
  char buffer[16384];
  const ssize_t n = ::recv(attempt.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return Fail(attempt);
  std::string& received = attempt.received;
  received.append(buffer, static_cast<std::size_t>(n));
  if (received.size() < 2 || received.size() < std::size_t{2} + Read16(received.data())) return;
  auto answer = Parse(attempt, absl::string_view(received).substr(2, Read16(received.data())));
  if (answer == nullptr) return Fail(attempt);
  OnAnswer(attempt, std::move(answer));
}

void Exchange::OnAnswer(Attempt& attempt, std::shared_ptr<const Answer> answer) {
  const SocketAddress server = attempt.server;
  if (answer->truncated() && AskByTcp(server, attempt.edns)) {
    failure_ = std::move(answer);
    return Close(attempt);
  }
  if (IsFinal(*answer)) return Finish(std::move(answer));
  const bool knows_no_edns = (answer->rcode() == kFormatError || answer->rcode() == kNotImplemented) &&
                             attempt.edns && answer->without_edns();
  failure_ = std::move(answer);
  if (knows_no_edns && AskByUdp(server, false)) return Close(attempt);
  Fail(attempt);
}

void Exchange::Fail(Attempt& attempt) {
  upstreams_.NoteFailure(attempt.server);
  Close(attempt);
  // The same server says the same again.
  if (failure_ != nullptr && servers_.size() == 1) return Finish(failure_);
  AskNext();
}

void Exchange::Finish(std::shared_ptr<const Answer> answer) {
  const Done done = std::move(done_);
  done(std::move(answer));
}

void Exchange::Close(Attempt& attempt) {
  if (!attempt.fd.valid()) return;
  loop_.Unwatch(attempt.fd.get());
  attempt.fd.Reset();
}

std::string Exchange::Message(const Attempt& attempt) const {
  std::string message(kHeaderSize + question_.bytes.size() + (attempt.edns ? 11 : 0), '\0');
  Writer writer(message.data());
  writer.Put16(attempt.id);
  writer.Put16(kFlagRecursionDesired | (question_.checking_disabled ? kFlagCheckingDisabled : 0));
  writer.Put16(1);
  writer.Put32(0);
  writer.Put16(attempt.edns ? 1 : 0);
  writer.PutBytes(question_.bytes);
  if (!attempt.edns) return message;
  writer.Put8(0);
  writer.Put16(kTypeOpt);
  writer.Put16(kUdpSize);
  writer.Put16(0);
  writer.Put16(question_.dnssec_ok ? kEdnsFlagDnssecOk : 0);
  writer.Put16(0);
  return message;
}

std::shared_ptr<const Answer> Exchange::Parse(const Attempt& attempt, absl::string_view message) const {
  if (message.size() < kHeaderSize || Read16(message.data()) != attempt.id) return nullptr;
  return Answer::Parse(message, question_.bytes);
}

}  // namespace banger::netd::dns
