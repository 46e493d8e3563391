#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/vmd/core/ports.h"
#include "services/vmd/errors.h"
#include "services/vmd/testing/fake_host.h"

namespace banger::vmd {

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
    const Time touched = rows_[vm.uid].touch_time;
    rows_[vm.uid] = vm;
    rows_[vm.uid].touch_time = touched;
    return absl::OkStatus();
  }
  absl::Status Touch(const std::string& uid, Time time) override {
    const std::lock_guard lock(mutex_);
    if (const auto row = rows_.find(uid); row != rows_.end()) row->second.touch_time = time;
    return absl::OkStatus();
  }
  absl::Status UpdateSettings(const Vm& vm) override {
    if (absl::Status s = host_.Enter("UpdateSettings"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    const auto row = rows_.find(vm.uid);
    if (row == rows_.end()) return VmNotFound(vm.name);
    row->second.sizes = vm.sizes;
    row->second.size_origins = vm.size_origins;
    row->second.policy = vm.policy;
    row->second.workspace = vm.workspace;
    return absl::OkStatus();
  }
  absl::StatusOr<bool> ChangeState(const std::string& uid, const std::vector<VmState>& from, VmState to,
                                   const std::string& detail) override {
    if (absl::Status s = host_.Enter("ChangeState"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    const auto row = rows_.find(uid);
    if (row == rows_.end() || std::find(from.begin(), from.end(), row->second.state) == from.end())
      return false;
    row->second.state = to;
    row->second.state_detail = detail;
    return true;
  }
  absl::Status Delete(const std::string& uid) override {
    if (absl::Status s = host_.Enter("Delete"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    rows_.erase(uid);
    ports_.erase(uid);
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
  absl::StatusOr<std::vector<Vm>> List(const std::string& after, std::size_t limit, Which which) override {
    const std::lock_guard lock(mutex_);
    std::vector<Vm> rows;
    for (const auto& [uid, row] : rows_)
      if (uid > after.substr(after.find('/') + 1) && rows.size() < limit && IsOf(row, which))
        rows.push_back(row);
    return rows;
  }
  absl::StatusOr<std::map<VmState, int>> CountByState() override {
    if (absl::Status s = host_.Enter("CountByState"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    std::map<VmState, int> counts;
    for (const auto& [uid, row] : rows_) ++counts[row.state];
    return counts;
  }
  absl::Status AddPort(const std::string& uid, const PublishedPort& port) override {
    if (absl::Status s = host_.Enter("AddPort"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    for (const auto& [owner, taken] : ports_)
      if (owner != uid && Collide(taken, port))
        return PortInUse(HostSide(port), absl::StrCat("VM '", rows_[owner].name, "'"));
    std::erase_if(ports_, [&](const auto& entry) { return HostSide(entry.second) == HostSide(port); });
    ports_.emplace(uid, port);
    return absl::OkStatus();
  }
  absl::Status RemovePort(const std::string& uid, const PublishedPort& port) override {
    const std::lock_guard lock(mutex_);
    std::erase_if(ports_, [&](const auto& entry) {
      return entry.first == uid && HostSide(entry.second) == HostSide(port);
    });
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<PublishedPort>> PortsOf(const std::string& uid) override {
    const std::lock_guard lock(mutex_);
    std::vector<PublishedPort> ports;
    for (const auto& [owner, port] : ports_)
      if (owner == uid) ports.push_back(port);
    return ports;
  }
  absl::StatusOr<std::multimap<std::string, PublishedPort>> AllPorts() override {
    const std::lock_guard lock(mutex_);
    return ports_;
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
  static bool IsOf(const Vm& row, Which which) {
    return which == Which::kAll || row.state == VmState::kStarting || row.state == VmState::kRunning ||
           row.state == VmState::kStopping || row.state == VmState::kPaused;
  }

  FakeHost& host_;
  std::mutex mutex_;
  std::map<std::string, Vm> rows_;
  std::multimap<std::string, PublishedPort> ports_;
  std::map<std::pair<std::string, int>, LedgerEntry> ledger_;
};

}  // namespace banger::vmd
