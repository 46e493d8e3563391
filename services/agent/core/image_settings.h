// What is set in every image when its VM boots, in the overlay over it, so that
// images made for containers or for other machines come up as a banger VM.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace banger::agent {

// The fstab without what names a block device: the agent mounts all there is,
// and systemd would wait 90 s for each of them.
std::string FilterFstab(absl::string_view fstab);

// sshd_config.d drop-in: keys are the only way in, also for root.
std::string SshdDropIn();

// The same in the file itself: before all else, as the first setting wins.
// Unchanged when it is there already.
std::string PrependSshdSettings(absl::string_view config);

// Whether the configuration reads /etc/ssh/sshd_config.d before it says anything
// itself, so that a drop-in wins.
bool BeginsWithDropIns(absl::string_view sshd_config);

// /etc/hosts with the lines of localhost and `hostname` in front of the image's
// own, which lose their entries for either.
std::string HostsFile(absl::string_view old, const std::string& hostname, const std::string& address);

std::string ResolvConf(const std::vector<std::string>& nameservers);

}  // namespace banger::agent
