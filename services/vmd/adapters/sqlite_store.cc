#include "services/vmd/adapters/sqlite_store.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/status_macros.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

constexpr char kColumns[] =
    "uid, name, state, state_detail, provisional, image, vcpu, memory_mib, disk_size_bytes, "
    "rootfs_size_bytes, "
    "exec_env, exec_user, exec_working_dir, exec_entrypoint, exec_cmd, network_mode, address, mac, policy, "
    "create_time_us, start_time_us, "
    "boot_ms";

std::int64_t Micros(Time time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

Time FromMicros(std::int64_t micros) { return Time(std::chrono::microseconds(micros)); }

// JSON, as values may hold any character. Bytes that are no UTF-8 are replaced.
std::string EncodeTexts(const std::vector<std::string>& texts) {
  return nlohmann::json(texts).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<std::string> DecodeTexts(const std::string& text) {
  std::vector<std::string> texts;
  const nlohmann::json parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_array()) return texts;
  for (const nlohmann::json& value : parsed)
    if (value.is_string()) texts.push_back(value.get<std::string>());
  return texts;
}

std::string EncodePolicy(const NetworkPolicy& policy) {
  return nlohmann::json({{"nat", policy.nat},
                         {"egress", static_cast<int>(policy.egress)},
                         {"networks", policy.networks},
                         {"domains", policy.domains},
                         {"peers", policy.peers}})
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// What cannot be read allows nothing.
NetworkPolicy DecodePolicy(const std::string& text) {
  try {
    const nlohmann::json parsed = nlohmann::json::parse(text);
    return {.nat = parsed.at("nat").get<bool>(),
            .egress = static_cast<EgressMode>(parsed.at("egress").get<int>()),
            .networks = parsed.at("networks").get<std::vector<std::string>>(),
            .domains = parsed.at("domains").get<std::vector<std::string>>(),
            .peers = parsed.at("peers").get<std::vector<std::string>>()};
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

PublishedPort ReadPort(const SqliteStatement& row) {
  return {.host_address = row.Text(0),
          .host_port = static_cast<int>(row.Number(1)),
          .protocol = static_cast<PortProtocol>(row.Number(2)),
          .guest_port = static_cast<int>(row.Number(3))};
}

// In the order of kColumns, from `state` to `policy`.
void BindChangeable(SqliteStatement& statement, const Vm& vm) {
  statement.Bind(static_cast<std::int64_t>(vm.state)).Bind(vm.state_detail).Bind(vm.provisional ? 1 : 0);
  statement.Bind(vm.image).Bind(vm.sizes.vcpu).Bind(vm.sizes.memory_mib);
  statement.Bind(vm.sizes.disk_size_bytes).Bind(vm.sizes.rootfs_size_bytes);
  statement.Bind(EncodeTexts(vm.exec.env)).Bind(vm.exec.user).Bind(vm.exec.working_dir);
  statement.Bind(EncodeTexts(vm.exec.entrypoint)).Bind(EncodeTexts(vm.exec.cmd));
  statement.Bind(static_cast<std::int64_t>(vm.network_mode)).Bind(vm.address).Bind(vm.mac);
  statement.Bind(EncodePolicy(vm.policy));
}

Vm ReadRow(const SqliteStatement& row) {
  Vm vm{.uid = row.Text(0), .name = row.Text(1)};
  vm.state = static_cast<VmState>(row.Number(2));
  vm.state_detail = row.Text(3);
  vm.provisional = row.Number(4) != 0;
  vm.image = row.Text(5);
  vm.sizes = {.vcpu = static_cast<int>(row.Number(6)),
              .memory_mib = row.Number(7),
              .disk_size_bytes = row.Number(8),
              .rootfs_size_bytes = row.Number(9)};
  vm.exec = {.env = DecodeTexts(row.Text(10)),
             .user = row.Text(11),
             .working_dir = row.Text(12),
             .entrypoint = DecodeTexts(row.Text(13)),
             .cmd = DecodeTexts(row.Text(14))};
  vm.network_mode = static_cast<NetworkMode>(row.Number(15));
  vm.address = row.Text(16);
  vm.mac = row.Text(17);
  vm.policy = DecodePolicy(row.Text(18));
  vm.create_time = FromMicros(row.Number(19));
  vm.start_time = FromMicros(row.Number(20));
  vm.boot_duration = std::chrono::milliseconds(row.Number(21));
  return vm;
}

absl::StatusOr<std::vector<Vm>> ReadRows(SqliteStatement statement) {
  std::vector<Vm> rows;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const bool more, statement.Step());
    if (!more) return rows;
    rows.push_back(ReadRow(statement));
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
  SqliteStatement insert = db_.Prepare(
      absl::StrCat("INSERT INTO vms (", kColumns, ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  insert.Bind(vm.uid).Bind(vm.name);
  BindChangeable(insert, vm);
  insert.Bind(Micros(vm.create_time)).Bind(Micros(vm.start_time)).Bind(vm.boot_duration.count());
  const absl::Status inserted = insert.Run();
  return absl::IsAlreadyExists(inserted) ? VmExists(vm.name) : inserted;
}

absl::Status SqliteStore::Update(const Vm& vm) {
  const MutexLock lock(mutex_);
  SqliteStatement update = db_.Prepare(
      "UPDATE vms SET state=?, state_detail=?, provisional=?, image=?, vcpu=?, memory_mib=?, "
      "disk_size_bytes=?, "
      "rootfs_size_bytes=?, exec_env=?, exec_user=?, exec_working_dir=?, exec_entrypoint=?, exec_cmd=?, "
      "network_mode=?, address=?, mac=?, policy=?, "
      "start_time_us=?, boot_ms=? WHERE uid=?");
  BindChangeable(update, vm);
  update.Bind(Micros(vm.start_time)).Bind(vm.boot_duration.count()).Bind(vm.uid);
  BANGER_RETURN_IF_ERROR(update.Run());
  return db_.changes() == 1 ? absl::OkStatus() : VmNotFound(vm.name);
}

absl::StatusOr<bool> SqliteStore::ChangeState(const std::string& uid, VmState from, VmState to,
                                              const std::string& detail) {
  const MutexLock lock(mutex_);
  SqliteStatement update = db_.Prepare("UPDATE vms SET state=?, state_detail=? WHERE uid=? AND state=?");
  update.Bind(static_cast<std::int64_t>(to)).Bind(detail).Bind(uid).Bind(static_cast<std::int64_t>(from));
  BANGER_RETURN_IF_ERROR(update.Run());
  return db_.changes() == 1;
}

absl::Status SqliteStore::Delete(const std::string& uid) {
  const MutexLock lock(mutex_);
  return db_.Prepare("DELETE FROM vms WHERE uid=?").Bind(uid).Run();
}

absl::StatusOr<std::optional<Vm>> SqliteStore::Find(const std::string& uid) {
  const MutexLock lock(mutex_);
  SqliteStatement query = db_.Prepare(absl::StrCat("SELECT ", kColumns, " FROM vms WHERE uid=?"));
  query.Bind(uid);
  BANGER_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::optional<Vm>();
  return std::optional<Vm>(ReadRow(query));
}

absl::StatusOr<std::vector<Vm>> SqliteStore::Match(const std::string& reference) {
  const MutexLock lock(mutex_);
  const std::string select = absl::StrCat("SELECT ", kColumns, " FROM vms WHERE ");
  SqliteStatement by_name = db_.Prepare(select + "name=?");
  by_name.Bind(reference);
  BANGER_ASSIGN_OR_RETURN(std::vector<Vm> rows, ReadRows(std::move(by_name)));
  if (!rows.empty()) return rows;
  // uids are of 0-9a-f, so 'g' ends the prefix's range.
  SqliteStatement by_uid = db_.Prepare(select + "uid>=? AND uid<? ORDER BY uid LIMIT 10");
  by_uid.Bind(reference).Bind(reference + "g");
  return ReadRows(std::move(by_uid));
}

absl::StatusOr<std::vector<Vm>> SqliteStore::List(const std::string& after, std::size_t limit) {
  const std::pair<std::string, std::string> key = absl::StrSplit(after, absl::MaxSplits('/', 1));
  std::int64_t micros = -1;
  if (!after.empty() && !absl::SimpleAtoi(key.first, &micros))
    return FieldInvalid("page_token", "is not one of ListVms");
  const MutexLock lock(mutex_);
  SqliteStatement query = db_.Prepare(
      absl::StrCat("SELECT ", kColumns,
                   " FROM vms WHERE (create_time_us, uid) > (?,?) ORDER BY create_time_us, uid LIMIT ?"));
  query.Bind(micros).Bind(key.second).Bind(static_cast<std::int64_t>(limit));
  return ReadRows(std::move(query));
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
