#include "services/agent/core/families.h"

#include <algorithm>

namespace banger::agent {
namespace {

const Family* Named(const std::string& id) {
  const std::vector<Family>& all = Families();
  const auto family = std::find_if(all.begin(), all.end(), [&id](const Family& known) {
    return std::find(known.ids.begin(), known.ids.end(), id) != known.ids.end();
  });
  return family == all.end() ? nullptr : &*family;
}

// In every image.
const std::vector<std::string>& CommonUnits() {
  static const std::vector<std::string> units = {
      // The console is a log, nobody logs in there; there are no other terminals.
      "serial-getty@ttyS0.service", "dev-ttyS0.device", "serial-getty@hvc0.service", "dev-hvc0.device",
      "getty@tty1.service", "console-getty.service",
      // The agent sets the addresses.
      "systemd-networkd-wait-online.service", "systemd-networkd-wait-online@.service",
      "NetworkManager-wait-online.service",
      // Disks are mounted and checked before systemd runs.
      "systemd-fsck-root.service", "systemd-remount-fs.service", "systemd-growfs-root.service",
      // There is no firmware, no swap disk and no persistent seed here, and nobody to ask.
      "systemd-firstboot.service", "systemd-boot-random-seed.service"};
  return units;
}

}  // namespace

const std::vector<Family>& Families() {
  static const std::vector<Family> families = {
      {"debian",
       {"debian", "ubuntu"},
       {"networking.service", "ifupdown-wait-online.service", "dhcpcd.service", "e2scrub_reap.service",
        "e2scrub_all.timer"}},
      {"alpine", {"alpine"}, {}},
      {"fedora",
       {"fedora", "rhel", "centos"},
       {"network.service", "initial-setup.service", "selinux-autorelabel-mark.service"}},
      {"arch",
       {"arch", "archlinux"},
       {"dhcpcd.service", "netctl.service", "systemd-homed-firstboot.service"}},
      {"opensuse",
       {"opensuse", "suse", "sles"},
       {"network.service", "wicked.service", "wickedd.service", "wickedd-auto4.service",
        "wickedd-dhcp4.service", "wickedd-dhcp6.service", "wickedd-nanny.service", "jeos-firstboot.service",
        "YaST2-Firstboot.service"}},
  };
  return families;
}

const Family* FindFamily(const std::string& id, const std::vector<std::string>& id_like) {
  const Family* family = Named(id);
  for (const std::string& like : id_like) {
    if (family != nullptr) break;
    family = Named(like);
  }
  return family;
}

std::vector<std::string> MaskedUnits(const Family* family) {
  std::vector<std::string> units = CommonUnits();
  for (const Family& each : Families()) {
    if (family == nullptr || family == &each)
      units.insert(units.end(), each.masked_units.begin(), each.masked_units.end());
  }
  return units;
}

}  // namespace banger::agent
