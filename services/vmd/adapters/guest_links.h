#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/guestlink/host_link.h"
#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"
#include "common/sync/single_flight.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

// One connection to each guest's agent, kept and shared by all calls; made anew
// after it was lost (the agent or vmd was restarted, the guest rebooted). While
// calls run, a guest that answers nothing for `silence` loses its connection, so
// that they end with UNAVAILABLE.
class GuestLinks final : public Guests {
 public:
  // Generous, as a guest that is emulated on a busy host may be slow.
  static constexpr std::chrono::seconds kSilence{30};

  explicit GuestLinks(std::chrono::milliseconds silence = kSilence) : silence_(silence) {}

  void Open(const std::string& uid, const AgentChannel& channel, const ExecDefaults& exec) override;
  void Close(const std::string& uid) override;
  absl::Status WaitReady(const std::string& uid, std::chrono::milliseconds timeout,
                         const std::stop_token& stop) override;
  absl::StatusOr<std::vector<std::string>> Configure(const std::string& uid, const GuestConfig& config,
                                                     const std::stop_token& stop) override;
  absl::Status SetTime(const std::string& uid, std::chrono::milliseconds timeout,
                       const std::stop_token& stop) override;
  absl::StatusOr<GuestUsage> Usage(const std::string& uid, std::chrono::milliseconds timeout,
                                   const std::stop_token& stop) override;
  absl::Status PowerOff(const std::string& uid, std::chrono::milliseconds timeout,
                        const std::stop_token& stop) override;

  // For calls that core knows nothing of. The channel ends with its connection:
  // take it anew for each call. DEADLINE_EXCEEDED when no agent answers.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Channel(const std::string& uid,
                                                         std::chrono::milliseconds timeout,
                                                         const std::stop_token& stop);

 private:
  struct Link {
    std::unique_ptr<guestlink::HostLink> host;
    UniqueFd watch;  // a duplicate of the channel's socket, to see its end
    std::shared_ptr<grpc::Channel> channel;

    bool alive() const;
  };
  using LinkPtr = std::shared_ptr<Link>;
  struct Guest {
    AgentChannel channel;
    ExecDefaults exec;
    LinkPtr link;
    int opened = 0;           // tells one run of a VM from the next
    std::stop_source closed;  // ends the attempts to connect
  };

  absl::StatusOr<LinkPtr> Connect(const Guest& guest, const std::stop_token& stop);
  absl::StatusOr<LinkPtr> TryConnect(const Guest& guest, const std::stop_token& stop);

  const std::chrono::milliseconds silence_;
  Mutex mutex_;
  std::map<std::string, Guest> guests_ ABSL_GUARDED_BY(mutex_);
  int opened_ ABSL_GUARDED_BY(mutex_) = 0;
  SingleFlight<LinkPtr> connects_;
};

}  // namespace banger::vmd
