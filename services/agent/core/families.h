// The distributions whose ways we know, told apart by os-release.
#pragma once

#include <string>
#include <vector>

namespace banger::agent {

// What differs between them is only what systemd would start against us: sshd, the
// machine id and all else have the same places in all of them. Images whose init is
// another (OpenRC, busybox, none) run with the agent as init, which starts nothing
// of theirs.
struct Family {
  const char* name;
  std::vector<std::string> ids;           // of os-release: ID or ID_LIKE
  std::vector<std::string> masked_units;  // beside those masked in every image
};

const std::vector<Family>& Families();

// By os-release's ID, else by the first of its ID_LIKE that is known; nullptr when
// none is.
const Family* FindFamily(const std::string& id, const std::vector<std::string>& id_like);

// systemd units to mask: they wait for devices that do not exist here, configure
// the network against the agent, ask somebody at the console, or hold up the boot.
// Without a family, those of all families: masking what is not there does no harm.
std::vector<std::string> MaskedUnits(const Family* family);

}  // namespace banger::agent
