// Network namespaces as the machines around a host: guests behind their taps, an
// internet, other networks.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "services/netd/core/address.h"

namespace banger::netd {

// A network namespace that lives as long as this and what runs in it.
class Namespace {
 public:
  // A new and empty one with its loopback up.
  static absl::StatusOr<Namespace> Create();
  // The calling thread's.
  static absl::StatusOr<Namespace> Current();

  // Runs it on a thread of its own within the namespace, to its end.
  void Run(const std::function<void()>& work) const;
  // `ip ARGUMENTS` within it.
  void Ip(const std::string& arguments) const;
  // For `ip link set X netns PATH`.
  std::string path() const;

 private:
  explicit Namespace(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// A guest with the host's kernel: a namespace whose eth0 is wired to a tap's queue.
class GuestMachine {
 public:
  static absl::StatusOr<std::unique_ptr<GuestMachine>> Boot(UniqueFd queue, const std::string& address,
                                                            const std::string& mac, const Subnet& subnet);
  ~GuestMachine();

  const Namespace& inside() const { return inside_; }
  const std::string& address() const { return address_; }
  // Puts an Ethernet frame on the wire as it is.
  absl::Status Inject(const std::string& frame) const;

 private:
  GuestMachine(Namespace inside, UniqueFd queue, UniqueFd card, std::string address);
  void Wire(const std::stop_token& stop) const;

  Namespace inside_;
  UniqueFd queue_;
  UniqueFd card_;
  const std::string address_;
  std::jthread wire_;
};

// Sees all frames that arrive at an interface, from its making on.
class Sniffer {
 public:
  Sniffer(const Namespace& where, const std::string& interface);
  // Whether a frame with `marker` in it has come by now, or does within a moment.
  bool Saw(const std::string& marker) const;

 private:
  UniqueFd socket_;
};

}  // namespace banger::netd
