#include "services/vmd/core/watched_store.h"

#include <utility>

#include "common/status/status_macros.h"

namespace banger::vmd {

void WatchedStore::PublishRow(const std::string& uid) {
  absl::StatusOr<std::optional<Vm>> row = store_.Find(uid);
  if (row.ok() && row->has_value()) events_.Publish({.vm = **std::move(row)});
}

void WatchedStore::PublishAgain(const std::string& uid) {
  const MutexLock lock(mutex_);
  PublishRow(uid);
}

absl::Status WatchedStore::Insert(const Vm& vm) {
  const MutexLock lock(mutex_);
  BANGER_RETURN_IF_ERROR(store_.Insert(vm));
  events_.Publish({.vm = vm});
  return absl::OkStatus();
}

absl::Status WatchedStore::Update(const Vm& vm) {
  const MutexLock lock(mutex_);
  BANGER_ASSIGN_OR_RETURN(std::optional<Vm> before, store_.Find(vm.uid));
  BANGER_RETURN_IF_ERROR(store_.Update(vm));
  // Nobody outside sees that flag.
  if (before.has_value()) before->provisional = vm.provisional;
  if (before != vm) events_.Publish({.vm = vm});
  return absl::OkStatus();
}

absl::Status WatchedStore::UpdateSettings(const Vm& vm) {
  const MutexLock lock(mutex_);
  BANGER_RETURN_IF_ERROR(store_.UpdateSettings(vm));
  PublishRow(vm.uid);
  return absl::OkStatus();
}

absl::StatusOr<bool> WatchedStore::ChangeState(const std::string& uid, const std::vector<VmState>& from,
                                               VmState to, const std::string& detail) {
  const MutexLock lock(mutex_);
  BANGER_ASSIGN_OR_RETURN(const bool changed, store_.ChangeState(uid, from, to, detail));
  if (changed) PublishRow(uid);
  return changed;
}

absl::Status WatchedStore::Delete(const std::string& uid) {
  const MutexLock lock(mutex_);
  BANGER_ASSIGN_OR_RETURN(std::optional<Vm> vm, store_.Find(uid));
  BANGER_RETURN_IF_ERROR(store_.Delete(uid));
  if (vm.has_value()) events_.Publish({.vm = *std::move(vm), .deleted = true});
  return absl::OkStatus();
}

absl::Status WatchedStore::AddPort(const std::string& uid, const PublishedPort& port) {
  const MutexLock lock(mutex_);
  BANGER_RETURN_IF_ERROR(store_.AddPort(uid, port));
  PublishRow(uid);
  return absl::OkStatus();
}

absl::Status WatchedStore::RemovePort(const std::string& uid, const PublishedPort& port) {
  const MutexLock lock(mutex_);
  BANGER_RETURN_IF_ERROR(store_.RemovePort(uid, port));
  PublishRow(uid);
  return absl::OkStatus();
}

}  // namespace banger::vmd
