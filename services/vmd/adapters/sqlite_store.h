#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/sync/mutex.h"
#include "services/vmd/adapters/sqlite.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

// VMs and the ledger in one SQLite file. Each method is one short transaction;
// nothing else happens under its mutex.
class SqliteStore final : public VmStore {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const std::filesystem::path& path);

  absl::Status Insert(const Vm& vm) override;
  absl::Status Update(const Vm& vm) override;
  absl::Status UpdateSettings(const Vm& vm) override;
  absl::StatusOr<bool> ChangeState(const std::string& uid, const std::vector<VmState>& from, VmState to,
                                   const std::string& detail) override;
  absl::Status Touch(const std::string& uid, Time time) override;
  absl::Status Delete(const std::string& uid) override;
  absl::StatusOr<std::optional<Vm>> Find(const std::string& uid) override;
  absl::StatusOr<std::vector<Vm>> Match(const std::string& reference) override;
  absl::StatusOr<std::vector<Vm>> List(const std::string& after, std::size_t limit, Which which) override;
  absl::StatusOr<std::map<VmState, int>> CountByState() override;
  absl::Status AddPort(const std::string& uid, const PublishedPort& port) override;
  absl::Status RemovePort(const std::string& uid, const PublishedPort& port) override;
  absl::StatusOr<std::vector<PublishedPort>> PortsOf(const std::string& uid) override;
  absl::StatusOr<std::multimap<std::string, PublishedPort>> AllPorts() override;
  absl::Status Record(const LedgerEntry& entry) override;
  absl::Status Strike(const std::string& uid, Resource resource) override;
  absl::StatusOr<std::vector<LedgerEntry>> Ledger(const std::string& uid) override;

 private:
  explicit SqliteStore(SqliteDatabase db) : db_(std::move(db)) {}

  Mutex mutex_;
  SqliteDatabase db_ ABSL_GUARDED_BY(mutex_);
};

// The schema's history; only ever appended to.
const std::vector<std::string>& StoreMigrations();

}  // namespace banger::vmd
