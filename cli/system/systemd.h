// This host's systemd, or the one of a root directory that does not run.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banger::cli {

// banger's units, in the order in which they start.
inline constexpr char kNetdUnit[] = "banger-netd.service";
inline constexpr char kVmdUnit[] = "banger-vmd.service";
inline constexpr char kGatewayUnit[] = "banger-gateway.service";
inline constexpr const char* kUnits[] = {kNetdUnit, "banger-kerneld.service", "banger-imaged.service",
                                         kVmdUnit, kGatewayUnit};
inline constexpr char kTarget[] = "banger.target";

class Systemd {
 public:
  // `root`: "/" for this host, else a directory for which nothing is started.
  explicit Systemd(const std::filesystem::path& root);

  bool offline() const { return root_ != "/"; }
  const std::filesystem::path& root() const { return root_; }

  // FAILED_PRECONDITION where no systemd runs, or where the root directory is not.
  absl::Status Check() const;
  // The same, and that we are root, whom systemd lets change it.
  absl::Status CheckMayChange() const;

  // systemctl, systemd-sysusers, systemd-tmpfiles with these arguments, for our root. Gives
  // stdout; an error has what the program said.
  absl::StatusOr<std::string> Run(const std::string& program, std::vector<std::string> arguments,
                                  const std::stop_token& stop = {}) const;

 private:
  std::filesystem::path root_;
};

struct UnitState {
  std::string unit;
  std::string active;  // "active", "failed", "inactive"
  std::string sub;     // "running", "auto-restart"
  std::string pid;     // "0" without a process
  std::string since;   // as systemd writes it; may be empty
};

// Of what `systemctl show` prints for several units.
std::vector<UnitState> ParseUnitStates(const std::string& text);

// Starts what does not run and restarts what does, and waits until all of it serves; an
// error when a daemon does not, which systemd does not tell of the target alone. VMs go
// on running.
absl::Status RestartDaemons(const Systemd& systemd, const std::stop_token& stop);

absl::StatusOr<std::vector<UnitState>> UnitStates(const Systemd& systemd, const std::stop_token& stop);

}  // namespace banger::cli
