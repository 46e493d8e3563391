#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/vmd/core/snapshot_files.h"
#include "services/vmd/errors.h"
#include "services/vmd/testing/fake_host.h"

namespace banger::vmd {

// Things: "unfinished UID", "snapshot UID/NAME", "stage UID".
class FakeSnapshots final : public SnapshotFiles, FakeMaker {
 public:
  using FakeMaker::FakeMaker;

  // What is on the VM's disks.
  void Write(const std::string& uid, const std::string& content) {
    const std::lock_guard lock(mutex_);
    disks_[uid] = content;
  }
  std::string Read(const std::string& uid) const {
    const std::lock_guard lock(mutex_);
    const auto disks = disks_.find(uid);
    return disks == disks_.end() ? "" : disks->second;
  }
  KernelIdentity kernel{.release = "6.1.0", .digest = "0123456789abcdef"};
  bool agent_copied = false;

  absl::Status CheckFree(const std::string& uid, const std::string& name) override {
    return things_.Has(Thing(uid, name)) ? SnapshotExists(name) : absl::OkStatus();
  }
  absl::StatusOr<std::filesystem::path> Begin(const std::string& uid) override {
    if (absl::Status s = Make("Begin", absl::StrCat("unfinished ", uid)); !s.ok()) return s;
    return "/unfinished/" + uid;
  }
  absl::Status CopyDisks(const std::string& uid, bool with_agent) override {
    if (absl::Status s = host_.Enter("CopyDisks"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    agent_copied = with_agent;
    kept_[uid] = {Snapshot{}, disks_[uid]};
    return absl::OkStatus();
  }
  absl::StatusOr<Snapshot> Publish(const std::string& uid, const Snapshot& snapshot,
                                   const std::stop_token&) override {
    if (absl::Status s = host_.Enter("Publish"); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    things_.Remove(absl::StrCat("unfinished ", uid));
    things_.Add(Thing(uid, snapshot.name));
    kept_[Key(uid, snapshot.name)] = {snapshot, kept_[uid].second};
    return snapshot;
  }
  absl::Status Abandon(const std::string& uid) override {
    return Unmake("Abandon", absl::StrCat("unfinished ", uid));
  }
  absl::StatusOr<std::vector<Snapshot>> List(const std::string& uid) override {
    std::vector<Snapshot> snapshots;
    for (const std::string& key : things_.Of("snapshot"))
      if (key.starts_with(uid)) snapshots.push_back(Kept(key).first);
    return snapshots;
  }
  absl::StatusOr<Snapshot> Find(const std::string& uid, const std::string& name) override {
    if (!things_.Has(Thing(uid, name))) return SnapshotNotFound(name);
    return Kept(Key(uid, name)).first;
  }
  absl::Status Verify(const std::string&, const std::string&, const std::stop_token&) override {
    return host_.Enter("Verify");
  }
  absl::Status Delete(const std::string& uid, const std::string& name) override {
    if (!things_.Has(Thing(uid, name))) return SnapshotNotFound(name);
    return Unmake("DeleteSnapshot", Thing(uid, name));
  }
  absl::Status Stage(const std::string& uid, const std::string& name, const std::string& to) override {
    if (absl::Status s = Make("Stage", absl::StrCat("stage ", to)); !s.ok()) return s;
    // A VM that had no disks has a directory now.
    things_.Add(absl::StrCat("disks ", to));
    const std::string content = Kept(name.empty() ? uid : Key(uid, name)).second;
    const std::lock_guard lock(mutex_);
    staged_[to] = content;
    return absl::OkStatus();
  }
  Staged StageOf(const std::string& uid) const override {
    return {.disks = {"/stage/" + uid + "/upper", "/stage/" + uid + "/work"}, .directory = "/stage/" + uid};
  }
  absl::Status CommitStage(const std::string& uid) override {
    if (absl::Status s = Unmake("CommitStage", absl::StrCat("stage ", uid)); !s.ok()) return s;
    const std::lock_guard lock(mutex_);
    disks_[uid] = staged_[uid];
    return absl::OkStatus();
  }
  absl::Status DropStage(const std::string& uid) override {
    return Unmake("DropStage", absl::StrCat("stage ", uid));
  }
  bool IsUnfinished(const std::string& uid) const override {
    return things_.Has(absl::StrCat("unfinished ", uid));
  }
  absl::Status Recover(const std::string& uid) override {
    if (absl::Status s = host_.Enter("RecoverSnapshots"); !s.ok()) return s;
    things_.Remove(absl::StrCat("unfinished ", uid));
    things_.Remove(absl::StrCat("stage ", uid));
    return absl::OkStatus();
  }
  absl::StatusOr<KernelIdentity> IdentifyKernel(const std::filesystem::path&) override { return kernel; }

 private:
  static std::string Key(const std::string& uid, const std::string& name) {
    return absl::StrCat(uid, "/", name);
  }
  static std::string Thing(const std::string& uid, const std::string& name) {
    return absl::StrCat("snapshot ", Key(uid, name));
  }
  std::pair<Snapshot, std::string> Kept(const std::string& key) {
    const std::lock_guard lock(mutex_);
    return kept_[key];
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::string> disks_;                      // by uid
  std::map<std::string, std::string> staged_;                     // by uid
  std::map<std::string, std::pair<Snapshot, std::string>> kept_;  // by uid (unfinished), uid/name
};

}  // namespace banger::vmd
