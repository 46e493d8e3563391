// What the fakes of core's ports have in common: a host on which every step can
// be made to fail, and the things that exist on it.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace banger::vmd {

// What all fakes ask before they do anything.
class FakeHost {
 public:
  // The call named so fails.
  void FailAt(const std::string& call, absl::Status status) {
    const std::lock_guard lock(mutex_);
    failures_[call] = std::move(status);
  }
  // Something happens at the next call named so, before what the call does.
  void OnceAt(const std::string& call, std::function<void()> what) {
    const std::lock_guard lock(mutex_);
    surprises_[call] = std::move(what);
  }
  void Mend() {
    const std::lock_guard lock(mutex_);
    failures_.clear();
    surprises_.clear();
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
    if (const std::function<void()> surprise = TakeSurprise(call)) surprise();
    const std::lock_guard lock(mutex_);
    ++calls_;
    if (left_.has_value() && (*left_)-- <= 0) return absl::InternalError("vmd is dead");
    const auto failure = failures_.find(call);
    return failure == failures_.end() ? absl::OkStatus() : failure->second;
  }

 private:
  std::function<void()> TakeSurprise(const std::string& call) {
    const std::lock_guard lock(mutex_);
    const auto surprise = surprises_.extract(call);
    return surprise.empty() ? nullptr : surprise.mapped();
  }

  mutable std::mutex mutex_;
  std::map<std::string, absl::Status> failures_;
  std::map<std::string, std::function<void()>> surprises_;
  std::optional<int> left_;
  int calls_ = 0;
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

}  // namespace banger::vmd
