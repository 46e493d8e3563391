// imaged, netd and vmd's own directory.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/vmd/core/ports.h"
#include "services/vmd/testing/fake_host.h"

namespace banger::vmd {

class FakeImages final : public ImageClient, FakeMaker {
 public:
  using FakeMaker::FakeMaker;
  absl::StatusOr<ImageFiles> Acquire(const std::string& image, const std::string& uid,
                                     const std::stop_token&) override {
    if (absl::Status s = Make("Acquire", absl::StrCat("lease ", uid)); !s.ok()) return s;
    return ImageFiles{.rootfs = "/images/" + image,
                      .vmlinux = "/images/vmlinux",
                      .exec = {.env = {"LANG=C"}, .user = "app"}};
  }
  absl::Status Release(const std::string&, const std::string& uid) override {
    return Unmake("Release", absl::StrCat("lease ", uid));
  }
  absl::StatusOr<std::vector<Lease>> ListLeases() override {
    if (absl::Status s = host_.Enter("ListLeases"); !s.ok()) return s;
    std::vector<Lease> leases;
    for (const std::string& uid : things_.Of("lease")) leases.push_back({"mini", uid});
    return leases;
  }
};

class FakeNetwork final : public NetworkClient, FakeMaker {
 public:
  using FakeMaker::FakeMaker;
  bool present = true;
  bool ipv6 = false;
  std::string last_hostname;
  std::string mac = "52:b4:ac:1e:00:02";

  bool Present() override { return present; }
  absl::StatusOr<Endpoint> CreateEndpoint(const std::string& uid, const std::string& hostname,
                                          const std::stop_token&) override {
    if (absl::Status s = Make("CreateEndpoint", absl::StrCat("endpoint ", uid)); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    last_hostname = hostnames[uid] = hostname;
    return Endpoint{.address = "172.30.0.2",
                    .prefix_length = 24,
                    .mac = mac,
                    .gateway = "172.30.0.1",
                    .nameserver = "172.30.0.1",
                    .ipv6_address = ipv6 ? "fd00::ac1e:2" : "",
                    .ipv6_prefix_length = ipv6 ? 64 : 0,
                    .ipv6_gateway = ipv6 ? "fd00::ac1e:1" : ""};
  }
  absl::Status SetPolicy(const std::string& uid, const NetworkPolicy& policy,
                         const std::stop_token&) override {
    if (absl::Status s = host_.Enter("SetPolicy"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    policies[uid] = policy;
    return absl::OkStatus();
  }
  absl::Status AttachTap(const std::string& uid, const std::stop_token&) override {
    return Make("AttachTap", absl::StrCat("tap ", uid));
  }
  absl::Status DetachTap(const std::string& uid) override {
    return Unmake("DetachTap", absl::StrCat("tap ", uid));
  }
  absl::Status DeleteEndpoint(const std::string& uid) override {
    return Unmake("DeleteEndpoint", absl::StrCat("endpoint ", uid));
  }
  absl::StatusOr<std::vector<Known>> ListEndpoints() override {
    if (absl::Status s = host_.Enter("ListEndpoints"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    std::vector<Known> known;
    for (const std::string& uid : things_.Of("endpoint"))
      known.push_back({.uid = uid, .hostname = hostnames[uid], .has_tap = things_.Has("tap " + uid)});
    return known;
  }
  // As a netd that has lost its ledger: it knows the taps in use and no more.
  void LoseLedger() {
    const std::lock_guard lock(mutex_);
    hostnames.clear();
    policies.clear();
  }

  std::map<std::string, NetworkPolicy> policies;  // by uid
  std::map<std::string, std::string> hostnames;   // by uid

 private:
  std::mutex mutex_;
};

class FakeFiles final : public VmFiles, FakeMaker {
 public:
  using FakeMaker::FakeMaker;
  std::filesystem::path root = "/vms";
  std::vector<VmSizes> grown;

  DiskPaths PathsOf(const std::string& uid) const override {
    return {root / uid / "upper", root / uid / "work", root / uid / "console.log"};
  }
  absl::Status MakeDisks(const std::string& uid, const VmSizes&) override {
    return Make("MakeDisks", absl::StrCat("disks ", uid));
  }
  absl::Status GrowDisks(const std::string&, const VmSizes& sizes) override {
    if (absl::Status s = host_.Enter("GrowDisks"); !s.ok()) return s;
    grown.push_back(sizes);
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& uid) override {
    if (absl::Status s = Unmake("RemoveDisks", absl::StrCat("disks ", uid)); !s.ok()) return s;
    // With the VM's directory goes all that is in it.
    for (const char* kind : {"unfinished", "stage", "snapshot"})
      for (const std::string& thing : things_.Of(kind))
        if (thing.starts_with(uid)) things_.Remove(absl::StrCat(kind, " ", thing));
    return absl::OkStatus();
  }
  std::int64_t DiskUsed(const std::string&) const override { return 0; }
  absl::StatusOr<std::vector<std::string>> List() override { return things_.Of("disks"); }
  absl::Status GiveAgentDisk(const std::string&) override { return host_.Enter("GiveAgentDisk"); }
};

}  // namespace banger::vmd
