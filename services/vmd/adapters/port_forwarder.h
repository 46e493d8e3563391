#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <tuple>

#include "absl/status/statusor.h"
#include "common/sync/mutex.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

// Carries connections to ports of this host into guests, by their agents: so it
// needs no privilege, works with any network of the guest's or none, and reaches
// services on the guest's loopback. Ports below 1024 need CAP_NET_BIND_SERVICE.
class PortForwarder final : public PortForwards {
 public:
  using FindChannel = std::function<absl::StatusOr<std::shared_ptr<grpc::Channel>>(
      const std::string& uid, const std::stop_token& stop)>;

  // `find_channel` leads to a guest's agent; called for each connection, from any
  // thread.
  explicit PortForwarder(FindChannel find_channel);
  ~PortForwarder() override;

  absl::Status Open(const std::string& uid, const PublishedPort& port) override;
  void Close(const std::string& uid, const PublishedPort& port) override;
  void CloseAll(const std::string& uid) override;
  bool IsOpen(const std::string& uid, const PublishedPort& port) const override;

 private:
  class Listener;
  using Key = std::tuple<std::string, std::string>;  // uid, host side

  const FindChannel find_channel_;
  mutable Mutex mutex_;
  std::map<Key, std::unique_ptr<Listener>> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::vmd
