// VMMs and the guests in them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/vmd/core/ports.h"
#include "services/vmd/testing/fake_host.h"

namespace banger::vmd {

// VMMs live on when a manager goes, as real ones do: give the next manager the
// same object, after Restart().
class FakeVmm final : public Vmm, FakeMaker {
 public:
  using FakeMaker::FakeMaker;
  OnExit on_exit;

  absl::StatusOr<VmmProcess> Launch(const Machine& machine, const std::stop_token&) override {
    if (absl::Status s = Make("Launch", absl::StrCat("process ", machine.uid)); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    launched.push_back(machine);
    known_.insert(machine.uid);
    return Process(machine.uid);
  }
  absl::StatusOr<VmmProcess> Adopt(const std::string& uid) override {
    if (absl::Status s = host_.Enter("Adopt"); !s.ok()) return s;
    if (!things_.Has(absl::StrCat("process ", uid))) return absl::NotFoundError("gone");
    const std::lock_guard lock(mutex_);
    known_.insert(uid);
    return Process(uid);
  }
  std::optional<VmmProcess> Running(const std::string& uid) const override {
    const std::lock_guard lock(mutex_);
    if (!known_.contains(uid) || !things_.Has(absl::StrCat("process ", uid))) return std::nullopt;
    return Process(uid);
  }
  absl::Status PowerDown(const std::string& uid) override {
    powered_down.Add(uid);
    return absl::OkStatus();
  }
  absl::Status Pause(const std::string& uid) override {
    if (absl::Status s = host_.Enter("Pause"); !s.ok()) return s;
    things_.Add(absl::StrCat("paused ", uid));
    return absl::OkStatus();
  }
  absl::Status Resume(const std::string& uid) override {
    if (absl::Status s = host_.Enter("Resume"); !s.ok()) return s;
    things_.Remove(absl::StrCat("paused ", uid));
    return absl::OkStatus();
  }
  absl::StatusOr<VmmIdentity> Freeze(const std::string& uid, const std::filesystem::path&,
                                     const std::stop_token&) override {
    if (absl::Status s = host_.Enter("Freeze"); !s.ok()) return s;
    if (!Paused(uid)) return absl::InternalError("frozen while it runs");
    return identity;
  }
  VmmIdentity identity{.vmm = "fake", .version = "1.0", .host_cpu = "abacus"};
  bool Paused(const std::string& uid) const { return things_.Has(absl::StrCat("paused ", uid)); }
  absl::Status Signal(const std::string& uid, int signal) override {
    if (signal == 9) End(uid, {VmmExit::Kind::kEnded, "signal 9"});
    return absl::OkStatus();
  }
  bool WaitForEnd(const std::string& uid, std::chrono::milliseconds timeout,
                  const std::stop_token& stop) override {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, stop, timeout, [&] { return !things_.Has(absl::StrCat("process ", uid)); });
  }
  absl::Status Destroy(const std::string& uid) override {
    if (absl::Status s = host_.Enter("Destroy"); !s.ok()) return s;
    if (things_.Has(absl::StrCat("process ", uid))) End(uid, {VmmExit::Kind::kEnded, "killed"});
    const std::lock_guard lock(mutex_);
    known_.erase(uid);
    return absl::OkStatus();
  }

  // The VMM ends by itself.
  void End(const std::string& uid, const VmmExit& exit) {
    bool known = false;
    {
      const std::lock_guard lock(mutex_);
      things_.Remove(absl::StrCat("process ", uid));
      things_.Remove(absl::StrCat("paused ", uid));
      known = known_.contains(uid);
    }
    ended_.notify_all();
    if (known && on_exit) on_exit(uid, exit);
  }
  // vmd has gone, VMMs stay.
  void Restart() {
    const std::lock_guard lock(mutex_);
    known_.clear();
    on_exit = nullptr;
  }

  std::vector<Machine> launched;
  FakeThings powered_down;

 private:
  static VmmProcess Process(const std::string& uid) {
    return {.pid = 42, .vmm = "fake", .agent = {.socket = "/run/" + uid}};
  }

  mutable std::mutex mutex_;
  std::condition_variable_any ended_;
  std::set<std::string> known_;
};

class FakeGuests final : public Guests {
 public:
  FakeGuests(FakeHost& host, FakeVmm& vmm) : host_(host), vmm_(vmm) {}

  enum class Boot { kReady, kHangs, kPanics };
  enum class Power { kObeys, kIgnores, kUnreachable };
  std::atomic<Boot> boot = Boot::kReady;
  std::atomic<Power> power = Power::kObeys;
  FakeThings waiting;  // uids that WaitReady waits for

  void Open(const std::string& uid, const AgentChannel&, const ExecDefaults& exec) override {
    const std::lock_guard lock(mutex_);
    opened[uid] = exec;
  }
  void Close(const std::string&) override {}
  absl::Status WaitReady(const std::string& uid, std::chrono::milliseconds timeout,
                         const std::stop_token& stop) override {
    if (absl::Status s = host_.Enter("WaitReady"); !s.ok()) return s;
    if (boot == Boot::kPanics)
      vmm_.End(uid, {VmmExit::Kind::kPanicked, "Kernel panic - not syncing: no root"});
    if (boot == Boot::kReady) return absl::OkStatus();
    waiting.Add(uid);
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, timeout, [] { return false; });
    waiting.Remove(uid);
    return absl::CancelledError("stopped");
  }
  absl::StatusOr<std::vector<std::string>> Configure(const std::string&, const GuestConfig& config,
                                                     const std::stop_token&) override {
    if (absl::Status s = host_.Enter("Configure"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    configured.push_back(config);
    return std::vector<std::string>{};
  }
  absl::Status SetTime(const std::string& uid, std::chrono::milliseconds, const std::stop_token&) override {
    if (absl::Status s = host_.Enter("SetTime"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    times_set.push_back(uid);
    return absl::OkStatus();
  }
  absl::StatusOr<GuestUsage> Usage(const std::string&, std::chrono::milliseconds,
                                   const std::stop_token&) override {
    if (absl::Status s = host_.Enter("Usage"); !s.ok()) return s;
    return GuestUsage{.memory_total_bytes = 100, .memory_available_bytes = 40, .load = 0.5};
  }
  absl::Status PowerOff(const std::string& uid, std::chrono::milliseconds, const std::stop_token&) override {
    if (power == Power::kUnreachable || vmm_.Paused(uid)) return absl::DeadlineExceededError("no answer");
    if (power == Power::kObeys) vmm_.End(uid, {VmmExit::Kind::kPoweredOff, ""});
    return absl::OkStatus();
  }

  std::vector<GuestConfig> configured;
  std::vector<std::string> times_set;  // uids
  std::map<std::string, ExecDefaults> opened;

 private:
  FakeHost& host_;
  FakeVmm& vmm_;
  std::mutex mutex_;
};

}  // namespace banger::vmd
