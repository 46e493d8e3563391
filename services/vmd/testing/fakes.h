// A fake for each of core's ports. Together they are a small host: what was made
// and not given back can be seen, each step can be made to fail or to hang, and
// "vmd dies here" is an exception-free cut: after CutAfter(n) steps every port
// fails without doing anything, as a dead process would.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/vmd/core/host_resources.h"
#include "services/vmd/errors.h"

namespace banger::vmd {

// What all fakes ask before they do anything.
class FakeHost {
 public:
  // The call named so fails.
  void FailAt(const std::string& call, absl::Status status) {
    const std::lock_guard lock(mutex_);
    failures_[call] = std::move(status);
  }
  void Mend() {
    const std::lock_guard lock(mutex_);
    failures_.clear();
    left_.reset();
  }
  // The first `calls` work, all later ones do nothing: vmd is dead.
  void CutAfter(int calls) {
    const std::lock_guard lock(mutex_);
    left_ = calls;
  }
  int calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

  absl::Status Enter(const std::string& call) {
    const std::lock_guard lock(mutex_);
    ++calls_;
    if (left_.has_value() && (*left_)-- <= 0) return absl::InternalError("vmd is dead");
    const auto failure = failures_.find(call);
    return failure == failures_.end() ? absl::OkStatus() : failure->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, absl::Status> failures_;
  std::optional<int> left_;
  int calls_ = 0;
};

class FakeStore final : public VmStore {
 public:
  explicit FakeStore(FakeHost& host) : host_(host) {}

  absl::Status Insert(const Vm& vm) override {
    if (absl::Status s = host_.Enter("Insert"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    for (const auto& [uid, row] : rows_)
      if (row.name == vm.name) return VmExists(vm.name);
    rows_[vm.uid] = vm;
    return absl::OkStatus();
  }
  absl::Status Update(const Vm& vm) override {
    if (absl::Status s = host_.Enter("Update"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    if (!rows_.contains(vm.uid)) return VmNotFound(vm.name);
    rows_[vm.uid] = vm;
    return absl::OkStatus();
  }
  absl::StatusOr<bool> ChangeState(const std::string& uid, VmState from, VmState to,
                                   const std::string& detail) override {
    if (absl::Status s = host_.Enter("ChangeState"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    const auto row = rows_.find(uid);
    if (row == rows_.end() || row->second.state != from) return false;
    row->second.state = to;
    row->second.state_detail = detail;
    return true;
  }
  absl::Status Delete(const std::string& uid) override {
    if (absl::Status s = host_.Enter("Delete"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    rows_.erase(uid);
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<Vm>> Find(const std::string& uid) override {
    const std::lock_guard lock(mutex_);
    const auto row = rows_.find(uid);
    return row == rows_.end() ? std::optional<Vm>() : row->second;
  }
  absl::StatusOr<std::vector<Vm>> Match(const std::string& reference) override {
    const std::lock_guard lock(mutex_);
    std::vector<Vm> by_uid;
    for (const auto& [uid, row] : rows_) {
      if (row.name == reference) return std::vector<Vm>{row};
      if (uid.starts_with(reference)) by_uid.push_back(row);
    }
    return by_uid;
  }
  absl::StatusOr<std::vector<Vm>> List(const std::string& after, std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    std::vector<Vm> rows;
    for (const auto& [uid, row] : rows_)
      if (uid > after.substr(after.find('/') + 1) && rows.size() < limit) rows.push_back(row);
    return rows;
  }
  absl::Status Record(const LedgerEntry& entry) override {
    if (absl::Status s = host_.Enter("Record"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    ledger_[{entry.uid, -static_cast<int>(entry.resource)}] = entry;
    return absl::OkStatus();
  }
  absl::Status Strike(const std::string& uid, Resource resource) override {
    if (absl::Status s = host_.Enter("Strike"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    ledger_.erase({uid, -static_cast<int>(resource)});
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<LedgerEntry>> Ledger(const std::string& uid) override {
    const std::lock_guard lock(mutex_);
    std::vector<LedgerEntry> entries;
    for (const auto& [key, entry] : ledger_)
      if (uid.empty() || entry.uid == uid) entries.push_back(entry);
    return entries;
  }

 private:
  FakeHost& host_;
  std::mutex mutex_;
  std::map<std::string, Vm> rows_;
  std::map<std::pair<std::string, int>, LedgerEntry> ledger_;
};

// Names of things that exist: "lease 4f…", "tap 4f…".
class FakeThings {
 public:
  void Add(const std::string& thing) {
    const std::lock_guard lock(mutex_);
    things_.insert(thing);
  }
  void Remove(const std::string& thing) {
    const std::lock_guard lock(mutex_);
    things_.erase(thing);
  }
  bool Has(const std::string& thing) const {
    const std::lock_guard lock(mutex_);
    return things_.contains(thing);
  }
  std::set<std::string> All() const {
    const std::lock_guard lock(mutex_);
    return things_;
  }
  // Uids of the things of one kind.
  std::vector<std::string> Of(const std::string& kind) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> uids;
    for (const std::string& thing : things_)
      if (thing.starts_with(kind + " ")) uids.push_back(thing.substr(kind.size() + 1));
    return uids;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> things_;
};

// Makes a thing after the host has let it, and gives it back the same way. A
// failed attempt to make leaves the thing half made: there is something to undo.
class FakeMaker {
 public:
  FakeMaker(FakeHost& host, FakeThings& things) : host_(host), things_(things) {}
  absl::Status Make(const std::string& call, const std::string& thing) {
    const absl::Status status = host_.Enter(call);
    if (status.message() != "vmd is dead") things_.Add(thing);
    return status;
  }
  absl::Status Unmake(const std::string& call, const std::string& thing) {
    if (absl::Status status = host_.Enter(call); !status.ok()) return status;
    things_.Remove(thing);
    return absl::OkStatus();
  }

 protected:
  FakeHost& host_;
  FakeThings& things_;
};

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

  bool Present() override { return present; }
  absl::StatusOr<Endpoint> CreateEndpoint(const std::string& uid, const std::stop_token&) override {
    if (absl::Status s = Make("CreateEndpoint", absl::StrCat("endpoint ", uid)); !s.ok()) return s;
    return Endpoint{
        .address = "172.30.0.2", .prefix_length = 24, .mac = "52:b4:ac:1e:00:02", .gateway = "172.30.0.1"};
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
  absl::StatusOr<std::vector<std::string>> ListEndpoints() override {
    if (absl::Status s = host_.Enter("ListEndpoints"); !s.ok()) return s;
    return things_.Of("endpoint");
  }
};

class FakeFiles final : public VmFiles, FakeMaker {
 public:
  using FakeMaker::FakeMaker;
  std::filesystem::path root = "/vms";

  DiskPaths PathsOf(const std::string& uid) const override {
    return {root / uid / "upper", root / uid / "work", root / uid / "console.log"};
  }
  absl::Status MakeDisks(const std::string& uid, const VmSizes&) override {
    return Make("MakeDisks", absl::StrCat("disks ", uid));
  }
  absl::Status Remove(const std::string& uid) override {
    return Unmake("RemoveDisks", absl::StrCat("disks ", uid));
  }
  std::int64_t DiskUsed(const std::string&) const override { return 0; }
  absl::StatusOr<std::vector<std::string>> List() override { return things_.Of("disks"); }
  absl::StatusOr<std::filesystem::path> AgentDisk() override {
    if (absl::Status s = host_.Enter("AgentDisk"); !s.ok()) return s;
    return "/agent.ext4";
  }
};

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
    return {.pid = 42, .vmm = "fake", .agent_socket = "/run/" + uid};
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

  void Open(const std::string& uid, const std::filesystem::path&,
            const std::vector<std::string>& env) override {
    const std::lock_guard lock(mutex_);
    opened[uid] = env;
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
  absl::Status PowerOff(const std::string& uid, std::chrono::milliseconds) override {
    if (power == Power::kUnreachable) return absl::DeadlineExceededError("no answer");
    if (power == Power::kObeys) vmm_.End(uid, {VmmExit::Kind::kPoweredOff, ""});
    return absl::OkStatus();
  }

  std::vector<GuestConfig> configured;
  std::map<std::string, std::vector<std::string>> opened;  // the environment of each

 private:
  FakeHost& host_;
  FakeVmm& vmm_;
  std::mutex mutex_;
};

class FakeClock final : public Clock {
 public:
  Time Now() override { return Time(std::chrono::seconds(1'700'000'000)); }
};

// All of them.
struct FakeWorld {
  FakeHost host;
  FakeThings things;
  FakeStore store{host};
  FakeImages images{host, things};
  FakeNetwork network{host, things};
  FakeFiles files{host, things};
  FakeVmm vmm{host, things};
  FakeGuests guests{host, vmm};
  FakeClock clock;

  Ports ports() { return {store, images, network, files, vmm, guests, clock}; }
};

}  // namespace banger::vmd
