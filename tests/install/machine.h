// A whole system whose systemd is PID 1 of namespaces of its own: units, users, directories
// and network are the real thing, without virtualisation. Needs root.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/os/subprocess.h"

namespace banger {

// Ends with this object.
class Machine {
 public:
  // The Debian in `root`.
  static absl::StatusOr<Machine> Boot(const std::filesystem::path& root);
  // What this host has on its root file system, to be changed in memory: nothing of it stays.
  // `directory`: an empty one. Of the host's own services none is started.
  static absl::StatusOr<Machine> BootOverHost(const std::filesystem::path& directory);

  // Of a shell of root's in there: what it printed, and its exit code when that is not 0.
  std::string Shell(const std::string& command) const;

  // Its root directory, seen from here.
  std::filesystem::path root() const;

 private:
  // What systemd makes of control groups is in one of ours, which goes with it.
  class ControlGroup {
   public:
    ControlGroup();
    ControlGroup(ControlGroup&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    ~ControlGroup();
    // Empty where we may make none.
    const std::filesystem::path& path() const { return path_; }

   private:
    std::filesystem::path path_;
  };

  Machine(ControlGroup group, Subprocess booted) : group_(std::move(group)), booted_(std::move(booted)) {}
  static absl::StatusOr<Machine> Start(const std::vector<std::string>& what);
  std::string Init() const;

  ControlGroup group_;
  Subprocess booted_;  // ends before the group is removed
};

}  // namespace banger
