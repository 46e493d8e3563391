// Where banger keeps things. Three layouts, the same shape:
//
//            system (root, user banger)      user                        BANGER_ROOT=DIR
//   config   /etc/banger/config.toml         ~/.config/banger/config.toml  DIR/config.toml
//   state    /var/lib/banger                 ~/.local/state/banger         DIR/state
//   cache    /var/cache/banger               ~/.cache/banger               DIR/cache
//   run      /run/banger                     $XDG_RUNTIME_DIR/banger       DIR/run
//   netd     /run/banger-netd                (none without root)           DIR/netd
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace banger {

struct Paths {
  // Read in this order; a later file overrides an earlier one.
  std::vector<std::filesystem::path> config_files;
  std::filesystem::path state_dir;
  std::filesystem::path cache_dir;
  std::filesystem::path run_dir;
  // netd's own, as it belongs to root: its socket and what it must remember
  // until the next reboot.
  std::filesystem::path netd_run_dir;

  std::filesystem::path kernels_dir() const { return state_dir / "kernels"; }
  std::filesystem::path images_dir() const { return state_dir / "images"; }
  std::filesystem::path vms_dir() const { return state_dir / "vms"; }

  // `daemon` is vmd, imaged, kerneld, netd or gateway.
  std::filesystem::path Socket(const std::string& daemon) const;
};

// From BANGER_ROOT, the uid, HOME and the XDG variables. An error when none of
// them tells, or when BANGER_ROOT is not absolute.
absl::StatusOr<Paths> FindPaths();

// What the CLI keeps for its user (ssh keys and the like), also where the daemons have
// the system's layout: ~/.local/state/banger, or DIR/client of BANGER_ROOT.
absl::StatusOr<std::filesystem::path> FindClientDir();

// The gateway's socket as a client looks for it: BANGER_SOCKET, else that of
// FindPaths when it exists, else the system's.
absl::StatusOr<std::filesystem::path> FindGatewaySocket();

}  // namespace banger
