// systemd-resolved's D-Bus interface, as far as netd needs it.
#pragma once

#include <systemd/sd-bus.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/netd/core/address.h"

namespace banger::netd::dns {

// A connection to the bus. Calls take two seconds at most. Used by one thread.
class Resolve1 {
 public:
  // `address` empty: the system bus. UNAVAILABLE where there is none.
  static absl::StatusOr<std::unique_ptr<Resolve1>> Connect(const std::string& address);

  // Readable when Process has something to do.
  int fd() const { return ::sd_bus_get_fd(bus_.get()); }
  // Takes in what has come; an error ends the connection for good.
  absl::Status Process();

  // The bus's name of the resolved that runs; empty when none does. Starts none.
  const std::string& owner() const { return owner_; }

  // Makes `server` the link's only one, for `domains` and what is below them.
  absl::Status RouteDomains(int link, Ipv4 server, const std::vector<std::string>& domains);
  // Takes all of it back.
  absl::Status Revert(int link);

 private:
  struct CloseBus {
    void operator()(sd_bus* bus) const { ::sd_bus_close_unref(bus); }
  };

  Resolve1() = default;
  static int OnOwnerChanged(sd_bus_message* message, void* self, sd_bus_error* error);
  absl::Status FindOwner();
  template <typename... Arguments>
  absl::Status Call(const char* method, const char* types, Arguments... arguments);

  std::unique_ptr<sd_bus, CloseBus> bus_;
  std::string owner_;
};

}  // namespace banger::netd::dns
