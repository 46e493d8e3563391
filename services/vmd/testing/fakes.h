// A fake for each of core's ports. Together they are a small host: what was made
// and not given back can be seen, each step can be made to fail or to hang, and
// "vmd dies here" is an exception-free cut: after CutAfter(n) steps every port
// fails without doing anything, as a dead process would.
#pragma once

#include <atomic>

#include "services/vmd/core/host_resources.h"
#include "services/vmd/testing/fake_daemons.h"
#include "services/vmd/testing/fake_host.h"
#include "services/vmd/testing/fake_snapshots.h"
#include "services/vmd/testing/fake_store.h"
#include "services/vmd/testing/fake_vmm.h"

namespace banger::vmd {

// Ports that are open are things: "port 4f… 127.0.0.1:8080".
class FakeForwards final : public PortForwards, FakeMaker {
 public:
  using FakeMaker::FakeMaker;
  absl::Status Open(const std::string& uid, const PublishedPort& port) override {
    if (absl::Status s = host_.Enter("OpenPort"); !s.ok()) return s;
    things_.Add(Thing(uid, port));
    return absl::OkStatus();
  }
  void Close(const std::string& uid, const PublishedPort& port) override { things_.Remove(Thing(uid, port)); }
  void CloseAll(const std::string& uid) override {
    for (const std::string& thing : things_.Of("port"))
      if (thing.starts_with(uid)) things_.Remove("port " + thing);
  }
  bool IsOpen(const std::string& uid, const PublishedPort& port) const override {
    return things_.Has(Thing(uid, port));
  }

 private:
  static std::string Thing(const std::string& uid, const PublishedPort& port) {
    return absl::StrCat("port ", uid, " ", HostSide(port));
  }
};

class FakeMeter final : public UsageMeter {
 public:
  absl::StatusOr<HostUsage> Measure(pid_t vmm) override {
    const std::lock_guard lock(mutex_);
    const auto usage = usages_.find(vmm);
    return usage == usages_.end() ? absl::StatusOr<HostUsage>(absl::NotFoundError("gone")) : usage->second;
  }
  void Set(pid_t vmm, const HostUsage& usage) {
    const std::lock_guard lock(mutex_);
    usages_[vmm] = usage;
  }

 private:
  std::mutex mutex_;
  std::map<pid_t, HostUsage> usages_;
};

class FakeClock final : public Clock {
 public:
  Time Now() override { return Time(std::chrono::seconds(seconds.load())); }
  std::atomic<std::int64_t> seconds = 1'700'000'000;
};

// All of them.
struct FakeWorld {
  FakeHost host;
  FakeThings things;
  FakeStore store{host};
  FakeImages images{host, things};
  FakeNetwork network{host, things};
  FakeFiles files{host, things};
  FakeSnapshots snapshots{host, things};
  FakeVmm vmm{host, things};
  FakeGuests guests{host, vmm};
  FakeForwards forwards{host, things};
  FakeClock clock;
  FakeMeter meter;

  Ports ports() { return {store, images, network, files, snapshots, vmm, guests, forwards, clock}; }
};

}  // namespace banger::vmd
