#include "services/vmd/adapters/guest_links.h"

#include <fcntl.h>
#include <google/protobuf/util/time_util.h>
#include <grpcpp/create_channel_posix.h>
#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "common/guestlink/vsock.h"
#include "common/os/unix_socket.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/sync/either_stops.h"
#include "common/sync/pause.h"

namespace banger::vmd {
namespace v1 = banger::guest::v1;
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kCallTimeout = 20s;
constexpr milliseconds kFirstAnswerTimeout = 3s;
// Then a connection is made anew, for what nobody thought of.
constexpr milliseconds kAttempt = 60s;

milliseconds Left(steady_clock::time_point deadline) {
  return std::max(1ms, std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()));
}

v1::ExecDefaults ToProto(const ExecDefaults& exec) {
  v1::ExecDefaults proto;
  proto.mutable_env()->Assign(exec.env.begin(), exec.env.end());
  proto.set_user(exec.user);
  proto.set_working_dir(exec.working_dir);
  proto.mutable_entrypoint()->Assign(exec.entrypoint.begin(), exec.entrypoint.end());
  proto.mutable_cmd()->Assign(exec.cmd.begin(), exec.cmd.end());
  return proto;
}

v1::ConfigureRequest ToProto(const GuestConfig& config) {
  v1::ConfigureRequest request;
  request.set_vm_uid(config.vm_uid);
  request.set_hostname(config.hostname);
  if (!config.address.empty()) {
    request.mutable_interface()->set_mac(config.mac);
    request.mutable_interface()->set_previous_mac(config.previous_mac);
    request.mutable_interface()->set_address(config.address);
    request.mutable_interface()->set_gateway(config.gateway);
    request.mutable_interface()->set_mtu(config.mtu);
    request.mutable_interface()->set_ipv6_address(config.ipv6_address);
    request.mutable_interface()->set_ipv6_gateway(config.ipv6_gateway);
  }
  if (!config.nameserver.empty()) request.add_nameservers(config.nameserver);
  *request.mutable_exec_defaults() = ToProto(config.exec);
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::nanoseconds>(config.time.time_since_epoch());
  *request.mutable_time() = google::protobuf::util::TimeUtil::NanosecondsToTimestamp(since_epoch.count());
  return request;
}

// Pings only while calls run; the agent permits them at any rate.
grpc::ChannelArguments NoticeSilence(milliseconds silence) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(silence.count() / 3));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(silence.count() * 2 / 3));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  return arguments;
}

absl::StatusOr<UniqueFd> Reach(const AgentChannel& channel, steady_clock::time_point deadline,
                               const std::stop_token& stop) {
  // Tried again until the deadline by whoever waits, so that a stop is heard.
  if (channel.vsock_port == 0) return ConnectUnix(channel.socket, milliseconds(0));
  return guestlink::ConnectVsock(channel.socket, channel.vsock_port, deadline, stop);
}

// A lost connection is no answer of the daemon that the user speaks to.
absl::Status FromGuest(const grpc::Status& status) { return Annotate(rpc::FromGrpc(status), "guest agent"); }

}  // namespace

// The other end of the socket pair is closed when the session ends.
bool GuestLinks::Link::alive() const {
  pollfd poll{.fd = watch.get(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&poll, 1, 0) == 0;
}

void GuestLinks::Open(const std::string& uid, const AgentChannel& channel, const ExecDefaults& exec) {
  const MutexLock lock(mutex_);
  guests_[uid] = {.channel = channel, .exec = exec, .link = nullptr, .opened = ++opened_, .closed = {}};
}

void GuestLinks::Close(const std::string& uid) {
  LinkPtr link;
  {
    const MutexLock lock(mutex_);
    const auto guest = guests_.find(uid);
    if (guest == guests_.end()) return;
    link = std::move(guest->second.link);
    guest->second.closed.request_stop();
    guests_.erase(guest);
  }
  // Calls that still use the channel end now.
  if (link != nullptr) link->host.reset();
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> GuestLinks::Channel(const std::string& uid,
                                                                   milliseconds timeout,
                                                                   const std::stop_token& stop) {
  Guest found;
  {
    const MutexLock lock(mutex_);
    const auto guest = guests_.find(uid);
    if (guest == guests_.end()) return absl::UnavailableError("guest agent: the VM is not running");
    if (guest->second.link != nullptr && guest->second.link->alive()) return guest->second.link->channel;
    found = guest->second;
    found.link = nullptr;
  }
  // The attempt is shared, the patience is each caller's own.
  absl::StatusOr<LinkPtr> link = connects_.Do(
      absl::StrCat(uid, "/", found.opened), stop,
      [this, found](const std::stop_token& s) { return Connect(found, s); }, steady_clock::now() + timeout);
  const MutexLock lock(mutex_);
  const auto guest = guests_.find(uid);
  if (guest == guests_.end() || guest->second.opened != found.opened)
    return absl::UnavailableError("guest agent: the VM has been stopped");
  if (absl::IsDeadlineExceeded(link.status()))
    return absl::DeadlineExceededError(
        absl::StrCat("its agent did not answer within ",
                     std::chrono::duration_cast<std::chrono::seconds>(timeout).count(), " s"));
  BANGER_RETURN_IF_ERROR(link.status());
  guest->second.link = *link;
  return (*link)->channel;
}

// Until it is there, its last caller has left or the VM's run has ended.
absl::StatusOr<GuestLinks::LinkPtr> GuestLinks::Connect(const Guest& guest, const std::stop_token& stop) {
  const EitherStops either(stop, guest.closed.get_token());
  for (;;) {
    absl::StatusOr<LinkPtr> link = TryConnect(guest, either.token());
    if (link.ok() || either.token().stop_requested()) return link;
    // An agent that hands over to the image's own init comes back in a moment.
    PauseFor(50ms, either.token());
  }
}

// A session counts only once the agent has answered over it: a guest that saw
// the end of an earlier one late may have dropped this one too, without a word.
absl::StatusOr<GuestLinks::LinkPtr> GuestLinks::TryConnect(const Guest& guest, const std::stop_token& stop) {
  const auto deadline = steady_clock::now() + kAttempt;
  auto link = std::make_shared<Link>();
  BANGER_ASSIGN_OR_RETURN(UniqueFd socket, Reach(guest.channel, deadline, stop));
  BANGER_ASSIGN_OR_RETURN(link->host, guestlink::HostLink::Greet(std::move(socket), deadline, stop));
  UniqueFd stream = link->host->TakeStream();
  link->watch.Reset(::fcntl(stream.get(), F_DUPFD_CLOEXEC, 0));
  if (!link->watch.valid()) return ErrnoError(errno, "duplicate descriptor");
  link->channel = grpc::CreateCustomInsecureChannelFromFd("guest", stream.Release(), NoticeSilence(silence_));
  rpc::ClientCall call("", kFirstAnswerTimeout, stop);
  const v1::ConfigureRequest request =
      ToProto({.exec = guest.exec, .time = std::chrono::system_clock::now()});
  v1::ConfigureResponse response;
  BANGER_RETURN_IF_ERROR(
      FromGuest(v1::GuestService::NewStub(link->channel)->Configure(call.context(), request, &response)));
  return link;
}

absl::Status GuestLinks::WaitReady(const std::string& uid, milliseconds timeout,
                                   const std::stop_token& stop) {
  return Channel(uid, timeout, stop).status();
}

absl::StatusOr<std::vector<std::string>> GuestLinks::Configure(const std::string& uid,
                                                               const GuestConfig& config,
                                                               const std::stop_token& stop) {
  v1::ConfigureRequest request = ToProto(config);
  // Once a start or restore: whoever shares the guest's memory shares its generator.
  char random[64];
  if (::getrandom(random, sizeof random, 0) == sizeof random) request.set_entropy(random, sizeof random);
  v1::ConfigureResponse response;
  const absl::Status configured = rpc::RetryUnavailable(stop, [&]() -> absl::Status {
    BANGER_ASSIGN_OR_RETURN(const auto channel, Channel(uid, kCallTimeout, stop));
    rpc::ClientCall call("", kCallTimeout, stop);
    return FromGuest(v1::GuestService::NewStub(channel)->Configure(call.context(), request, &response));
  });
  BANGER_RETURN_IF_ERROR(configured);
  return std::vector<std::string>(response.warnings().begin(), response.warnings().end());
}

absl::Status GuestLinks::SetTime(const std::string& uid, milliseconds timeout, const std::stop_token& stop) {
  GuestConfig config;
  {
    const MutexLock lock(mutex_);
    const auto guest = guests_.find(uid);
    if (guest == guests_.end()) return absl::UnavailableError("guest agent: the VM is not running");
    config.exec = guest->second.exec;  // Configure sets it anew
  }
  const auto deadline = steady_clock::now() + timeout;
  // A connection that the pause has ended is made anew.
  return rpc::RetryUnavailable(stop, [&]() -> absl::Status {
    BANGER_ASSIGN_OR_RETURN(const auto channel, Channel(uid, Left(deadline), stop));
    rpc::ClientCall call("", Left(deadline), stop);
    config.time = std::chrono::system_clock::now();
    v1::ConfigureResponse response;
    return FromGuest(
        v1::GuestService::NewStub(channel)->Configure(call.context(), ToProto(config), &response));
  });
}

absl::StatusOr<GuestUsage> GuestLinks::Usage(const std::string& uid, milliseconds timeout,
                                             const std::stop_token& stop) {
  const auto deadline = steady_clock::now() + timeout;
  BANGER_ASSIGN_OR_RETURN(const auto channel, Channel(uid, timeout, stop));
  rpc::ClientCall call("", Left(deadline), stop);
  v1::GetStatsResponse stats;
  BANGER_RETURN_IF_ERROR(FromGuest(v1::GuestService::NewStub(channel)->GetStats(call.context(), {}, &stats)));
  return GuestUsage{.memory_total_bytes = stats.memory_total_bytes(),
                    .memory_available_bytes = stats.memory_available_bytes(),
                    .load = stats.load(),
                    .rootfs_used_bytes = stats.rootfs_used_bytes(),
                    .rootfs_size_bytes = stats.rootfs_size_bytes(),
                    .home_used_bytes = stats.home_used_bytes(),
                    .home_size_bytes = stats.home_size_bytes()};
}

absl::Status GuestLinks::PowerOff(const std::string& uid, milliseconds timeout, const std::stop_token& stop) {
  const auto deadline = steady_clock::now() + timeout;
  BANGER_ASSIGN_OR_RETURN(const auto channel, Channel(uid, timeout, stop));
  rpc::ClientCall call("", Left(deadline), stop);
  v1::PowerOffResponse response;
  const absl::Status asked =
      FromGuest(v1::GuestService::NewStub(channel)->PowerOff(call.context(), {}, &response));
  // A guest that is off before its answer has arrived has agreed as well.
  return absl::IsUnavailable(asked) ? absl::OkStatus() : asked;
}

}  // namespace banger::vmd
