#include "services/vmd/adapters/sqlite_store.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/status/status_macros.h"
#include "services/vmd/adapters/vm_row.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

PublishedPort ReadPort(const SqliteStatement& row) {
  return {.host_address = row.Text(0),
          .host_port = static_cast<int>(row.Number(1)),
          .protocol = static_cast<PortProtocol>(row.Number(2)),
          .guest_port = static_cast<int>(row.Number(3))};
}

absl::StatusOr<std::vector<Vm>> ReadRows(SqliteStatement statement) {
  std::vector<Vm> rows;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const bool more, statement.Step());
    if (!more) return rows;
    rows.push_back(ReadVm(statement));
  }
}

}  // namespace

const std::vector<std::string>& StoreMigrations() {
  static const std::vector<std::string> migrations = {
      R"(CREATE TABLE vms (
           uid TEXT PRIMARY KEY,
           name TEXT NOT NULL UNIQUE,
           state INTEGER NOT NULL,
           state_detail TEXT NOT NULL,
           provisional INTEGER NOT NULL,
           image TEXT NOT NULL,
           vcpu INTEGER NOT NULL,
           memory_mib INTEGER NOT NULL,
           disk_size_bytes INTEGER NOT NULL,
           rootfs_size_bytes INTEGER NOT NULL,
           exec_env TEXT NOT NULL,
           exec_user TEXT NOT NULL,
           exec_working_dir TEXT NOT NULL,
           network_mode INTEGER NOT NULL,
           address TEXT NOT NULL,
           mac TEXT NOT NULL,
           create_time_us INTEGER NOT NULL,
           start_time_us INTEGER NOT NULL,
           boot_ms INTEGER NOT NULL
         ) STRICT;
         CREATE INDEX vms_by_create_time ON vms (create_time_us, uid);
         CREATE TABLE ledger (
           uid TEXT NOT NULL,
           resource INTEGER NOT NULL,
           detail TEXT NOT NULL,
           PRIMARY KEY (uid, resource)
         ) STRICT, WITHOUT ROWID)",
      R"(ALTER TABLE vms ADD COLUMN exec_entrypoint TEXT NOT NULL DEFAULT '[]';
         ALTER TABLE vms ADD COLUMN exec_cmd TEXT NOT NULL DEFAULT '[]')",
      R"(ALTER TABLE vms ADD COLUMN policy TEXT NOT NULL DEFAULT '';
         CREATE TABLE ports (
           host_address TEXT NOT NULL,
           host_port INTEGER NOT NULL,
           protocol INTEGER NOT NULL,
           guest_port INTEGER NOT NULL,
           uid TEXT NOT NULL REFERENCES vms (uid) ON DELETE CASCADE,
           PRIMARY KEY (host_port, protocol, host_address)
         ) STRICT, WITHOUT ROWID;
         CREATE INDEX ports_by_uid ON ports (uid))",
      "ALTER TABLE vms ADD COLUMN size_origins TEXT NOT NULL DEFAULT ''",
      "ALTER TABLE vms ADD COLUMN touch_time_us INTEGER NOT NULL DEFAULT 0",
      "ALTER TABLE vms ADD COLUMN ipv6_address TEXT NOT NULL DEFAULT ''",
      "ALTER TABLE vms ADD COLUMN workspace TEXT NOT NULL DEFAULT ''",
  };
  return migrations;
}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(SqliteDatabase db, SqliteDatabase::Open(path));
  BANGER_RETURN_IF_ERROR(db.Migrate(StoreMigrations()));
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(db)));
}

absl::Status SqliteStore::Insert(const Vm& vm) {
  const MutexLock lock(mutex_);
  const absl::Status inserted = InsertVm(db_, vm).Run();
  return absl::IsAlreadyExists(inserted) ? VmExists(vm.name) : inserted;
}

absl::Status SqliteStore::Update(const Vm& vm) {
  const MutexLock lock(mutex_);
  BANGER_RETURN_IF_ERROR(UpdateVmRow(db_, vm).Run());
  return db_.changes() == 1 ? absl::OkStatus() : VmNotFound(vm.name);
}

absl::Status SqliteStore::UpdateSettings(const Vm& vm) {
  const MutexLock lock(mutex_);
  BANGER_RETURN_IF_ERROR(UpdateVmSettings(db_, vm).Run());
  return db_.changes() == 1 ? absl::OkStatus() : VmNotFound(vm.name);
}

absl::StatusOr<bool> SqliteStore::ChangeState(const std::string& uid, const std::vector<VmState>& from,
                                              VmState to, const std::string& detail) {
  const std::string states = absl::StrJoin(
      from, ",", [](std::string* out, VmState s) { absl::StrAppend(out, static_cast<int>(s)); });
  const MutexLock lock(mutex_);
  SqliteStatement update = db_.Prepare(
      absl::StrCat("UPDATE vms SET state=?, state_detail=? WHERE uid=? AND state IN (", states, ")"));
  update.Bind(static_cast<std::int64_t>(to)).Bind(detail).Bind(uid);
  BANGER_RETURN_IF_ERROR(update.Run());
  return db_.changes() == 1;
}

absl::Status SqliteStore::Touch(const std::string& uid, Time time) {
  const MutexLock lock(mutex_);
  const std::int64_t micros =
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  return db_.Prepare("UPDATE vms SET touch_time_us=? WHERE uid=?").Bind(micros).Bind(uid).Run();
}

absl::Status SqliteStore::Delete(const std::string& uid) {
  const MutexLock lock(mutex_);
  return db_.Prepare("DELETE FROM vms WHERE uid=?").Bind(uid).Run();
}

absl::StatusOr<std::optional<Vm>> SqliteStore::Find(const std::string& uid) {
  const MutexLock lock(mutex_);
  SqliteStatement query = db_.Prepare(absl::StrCat("SELECT ", VmColumns(), " FROM vms WHERE uid=?"));
  query.Bind(uid);
  BANGER_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::optional<Vm>();
  return std::optional<Vm>(ReadVm(query));
}

absl::StatusOr<std::vector<Vm>> SqliteStore::Match(const std::string& reference) {
  const MutexLock lock(mutex_);
  const std::string select = absl::StrCat("SELECT ", VmColumns(), " FROM vms WHERE ");
  SqliteStatement by_name = db_.Prepare(select + "name=?");
  by_name.Bind(reference);
  BANGER_ASSIGN_OR_RETURN(std::vector<Vm> rows, ReadRows(std::move(by_name)));
  if (!rows.empty()) return rows;
  // uids are of 0-9a-f, so 'g' ends the prefix's range.
  SqliteStatement by_uid = db_.Prepare(select + "uid>=? AND uid<? ORDER BY uid LIMIT 10");
  by_uid.Bind(reference).Bind(reference + "g");
  return ReadRows(std::move(by_uid));
}

absl::StatusOr<std::vector<Vm>> SqliteStore::List(const std::string& after, std::size_t limit, Which which) {
  const std::pair<std::string, std::string> key = absl::StrSplit(after, absl::MaxSplits('/', 1));
  std::int64_t micros = -1;
  if (!after.empty() && !absl::SimpleAtoi(key.first, &micros))
    return FieldInvalid("page_token", "is not one of ListVms");
  const MutexLock lock(mutex_);
  // STARTING, RUNNING, STOPPING, PAUSED.
  const char* const up = which == Which::kUp ? " AND state IN (2, 3, 4, 7)" : "";
  SqliteStatement query =
      db_.Prepare(absl::StrCat("SELECT ", VmColumns(), " FROM vms WHERE (create_time_us, uid) > (?,?)", up,
                               " ORDER BY create_time_us, uid LIMIT ?"));
  query.Bind(micros).Bind(key.second).Bind(static_cast<std::int64_t>(limit));
  return ReadRows(std::move(query));
}

absl::StatusOr<std::map<VmState, int>> SqliteStore::CountByState() {
  const MutexLock lock(mutex_);
  SqliteStatement query = db_.Prepare("SELECT state, COUNT(*) FROM vms GROUP BY state");
  std::map<VmState, int> counts;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) return counts;
    counts[static_cast<VmState>(query.Number(0))] = static_cast<int>(query.Number(1));
  }
}

absl::Status SqliteStore::AddPort(const std::string& uid, const PublishedPort& port) {
  const MutexLock lock(mutex_);
  SqliteStatement taken = db_.Prepare(
      "SELECT ports.host_address, host_port, protocol, guest_port, name FROM ports JOIN vms USING (uid) "
      "WHERE host_port=? AND protocol=? AND uid<>?");
  taken.Bind(port.host_port).Bind(static_cast<std::int64_t>(port.protocol)).Bind(uid);
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const bool more, taken.Step());
    if (!more) break;
    if (Collide(ReadPort(taken), port))
      return PortInUse(HostSide(port), absl::StrCat("VM '", taken.Text(4), "'"));
  }
  SqliteStatement insert = db_.Prepare(
      "INSERT OR REPLACE INTO ports (host_address, host_port, protocol, guest_port, uid) VALUES (?,?,?,?,?)");
  insert.Bind(port.host_address).Bind(port.host_port).Bind(static_cast<std::int64_t>(port.protocol));
  return insert.Bind(port.guest_port).Bind(uid).Run();
}

absl::Status SqliteStore::RemovePort(const std::string& uid, const PublishedPort& port) {
  const MutexLock lock(mutex_);
  SqliteStatement erase =
      db_.Prepare("DELETE FROM ports WHERE uid=? AND host_address=? AND host_port=? AND protocol=?");
  erase.Bind(uid).Bind(port.host_address).Bind(port.host_port);
  return erase.Bind(static_cast<std::int64_t>(port.protocol)).Run();
}

absl::StatusOr<std::vector<PublishedPort>> SqliteStore::PortsOf(const std::string& uid) {
  const MutexLock lock(mutex_);
  SqliteStatement query = db_.Prepare(
      "SELECT host_address, host_port, protocol, guest_port FROM ports WHERE uid=? "
      "ORDER BY host_port, protocol, host_address");
  query.Bind(uid);
  std::vector<PublishedPort> ports;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) return ports;
    ports.push_back(ReadPort(query));
  }
}

absl::StatusOr<std::multimap<std::string, PublishedPort>> SqliteStore::AllPorts() {
  const MutexLock lock(mutex_);
  SqliteStatement query = db_.Prepare(
      "SELECT host_address, host_port, protocol, guest_port, uid FROM ports "
      "ORDER BY host_port, protocol, host_address");
  std::multimap<std::string, PublishedPort> ports;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) return ports;
    ports.emplace(query.Text(4), ReadPort(query));
  }
}

absl::Status SqliteStore::Record(const LedgerEntry& entry) {
  const MutexLock lock(mutex_);
  SqliteStatement insert =
      db_.Prepare("INSERT OR REPLACE INTO ledger (uid, resource, detail) VALUES (?,?,?)");
  return insert.Bind(entry.uid).Bind(static_cast<std::int64_t>(entry.resource)).Bind(entry.detail).Run();
}

absl::Status SqliteStore::Strike(const std::string& uid, Resource resource) {
  const MutexLock lock(mutex_);
  SqliteStatement erase = db_.Prepare("DELETE FROM ledger WHERE uid=? AND resource=?");
  return erase.Bind(uid).Bind(static_cast<std::int64_t>(resource)).Run();
}

absl::StatusOr<std::vector<LedgerEntry>> SqliteStore::Ledger(const std::string& uid) {
  const MutexLock lock(mutex_);
  SqliteStatement query = db_.Prepare(
      "SELECT uid, resource, detail FROM ledger WHERE ?1='' OR uid=?1 ORDER BY uid, resource DESC");
  query.Bind(uid);
  std::vector<LedgerEntry> entries;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) return entries;
    entries.push_back({query.Text(0), static_cast<Resource>(query.Number(1)), query.Text(2)});
  }
}

}  // namespace banger::vmd
