// A guest's agent that the test plays, behind a socket as QEMU offers it: real
// gRPC over the real guest link.
#pragma once

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "common/guestlink/guest_port.h"
#include "common/os/unix_socket.h"

namespace banger::vmd {

class FakeAgent final : public guest::v1::GuestService::Service {
 public:
  using ExecStream = grpc::ServerReaderWriter<guest::v1::ExecResponse, guest::v1::ExecRequest>;
  using OnExec = std::function<grpc::Status(grpc::ServerContext&, ExecStream&)>;

  using ReadTreeWriter = grpc::ServerWriter<guest::v1::ReadTreeResponse>;
  using WriteTreeStream = grpc::ServerReaderWriter<guest::v1::WriteTreeResponse, guest::v1::WriteTreeRequest>;
  // To be set before they are called.
  guest::v1::GetListenersResponse listeners;
  std::function<grpc::Status(const guest::v1::ReadTreeRequest&, ReadTreeWriter&)> on_read_tree;
  std::function<grpc::Status(WriteTreeStream&)> on_write_tree;

  // Listens when this returns.
  explicit FakeAgent(const std::filesystem::path& socket, OnExec exec = {}) : exec_(std::move(exec)) {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (auto listener = ListenUnix(socket, 0600); listener.ok()) listener_ = *std::move(listener);
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }
  ~FakeAgent() override {
    thread_.request_stop();
    thread_.join();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  // Bytes stay where they are, connections stay open: a VMM that was stopped.
  void Freeze(bool frozen) { frozen_ = frozen; }
  // The session ends, as when the agent dies; the next one comes at once.
  void Drop() { drop_ = true; }
  std::vector<guest::v1::ConfigureRequest> configured() const {
    const std::lock_guard lock(mutex_);
    return configured_;
  }

 private:
  grpc::Status GetStatus(grpc::ServerContext*, const guest::v1::GetStatusRequest*,
                         guest::v1::GetStatusResponse*) override {
    return grpc::Status::OK;
  }
  grpc::Status Configure(grpc::ServerContext*, const guest::v1::ConfigureRequest* request,
                         guest::v1::ConfigureResponse*) override {
    const std::lock_guard lock(mutex_);
    configured_.push_back(*request);
    return grpc::Status::OK;
  }
  grpc::Status Exec(grpc::ServerContext* context, ExecStream* stream) override {
    return exec_(*context, *stream);
  }

  grpc::Status GetListeners(grpc::ServerContext*, const guest::v1::GetListenersRequest*,
                            guest::v1::GetListenersResponse* response) override {
    *response = listeners;
    return grpc::Status::OK;
  }
  grpc::Status ReadTree(grpc::ServerContext*, const guest::v1::ReadTreeRequest* request,
                        ReadTreeWriter* writer) override {
    return on_read_tree(*request, *writer);
  }
  grpc::Status WriteTree(grpc::ServerContext*, WriteTreeStream* stream) override {
    return on_write_tree(*stream);
  }

  void Run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd fds[] = {{listener_.get(), POLLIN, 0},
                      {frozen_ ? -1 : host_.get(), POLLIN, 0},
                      {frozen_ ? -1 : guest_.get(), POLLIN, 0}};
      ::poll(fds, 3, 5);
      if (drop_.exchange(false)) Disconnect();
      if (fds[0].revents != 0 && !host_.valid()) Connect();
      if (fds[1].revents != 0 && !Move(host_, guest_)) Disconnect();
      if (fds[2].revents != 0 && !Move(guest_, host_)) Disconnect();
    }
    Disconnect();
  }
  void Connect() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) return;
    guest_.Reset(fds[0]);
    host_.Reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    auto port = guestlink::GuestPort::Start(UniqueFd(fds[1]), [this](UniqueFd stream) {
      grpc::AddInsecureChannelFromFd(server_.get(), stream.Release());
    });
    if (port.ok()) port_ = *std::move(port);
  }
  void Disconnect() {
    port_.reset();
    guest_.Reset();
    host_.Reset();
  }
  // False when an end is gone.
  static bool Move(const UniqueFd& from, const UniqueFd& to) {
    char bytes[32 << 10];
    const ssize_t n = ::recv(from.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    for (ssize_t done = 0; done < n;) {
      const ssize_t sent = ::send(to.get(), bytes + done, static_cast<std::size_t>(n - done), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      done += sent;
    }
    return n > 0;
  }

  const OnExec exec_;
  std::unique_ptr<grpc::Server> server_;
  UniqueFd listener_;
  UniqueFd host_, guest_;  // the connection's two ends, of the thread
  std::unique_ptr<guestlink::GuestPort> port_;
  std::atomic<bool> frozen_ = false;
  std::atomic<bool> drop_ = false;
  mutable std::mutex mutex_;
  std::vector<guest::v1::ConfigureRequest> configured_;
  std::jthread thread_;
};

}  // namespace banger::vmd
