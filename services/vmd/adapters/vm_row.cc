#include "services/vmd/adapters/vm_row.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace banger::vmd {
namespace {

using nlohmann::json;

// What UpdateVmRow leaves alone, in the order of ReadVm.
constexpr char kFixed[] = "uid, name, create_time_us, touch_time_us";

// All else, in the order of BindChangeable and ReadVm.
const std::vector<std::string>& Changeable() {
  static const std::vector<std::string> columns = {
      "state",           "state_detail",      "provisional",   "image",    "vcpu",         "memory_mib",
      "disk_size_bytes", "rootfs_size_bytes", "size_origins",  "exec_env", "exec_user",    "exec_working_dir",
      "exec_entrypoint", "exec_cmd",          "network_mode",  "address",  "ipv6_address", "mac",
      "policy",          "workspace",         "start_time_us", "boot_ms"};
  return columns;
}

std::int64_t Micros(Time time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

Time FromMicros(std::int64_t micros) { return Time(std::chrono::microseconds(micros)); }

// JSON, as values may hold any character. Bytes that are no UTF-8 are replaced.
std::string Encode(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::vector<std::string> DecodeTexts(const std::string& text) {
  std::vector<std::string> texts;
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_array()) return texts;
  for (const json& value : parsed)
    if (value.is_string()) texts.push_back(value.get<std::string>());
  return texts;
}

std::string EncodePolicy(const NetworkPolicy& policy) {
  return Encode({{"nat", policy.nat},
                 {"egress", static_cast<int>(policy.egress)},
                 {"networks", policy.networks},
                 {"domains", policy.domains},
                 {"peers", policy.peers}});
}

// What cannot be read allows nothing.
NetworkPolicy DecodePolicy(const std::string& text) {
  try {
    const json parsed = json::parse(text);
    return {.nat = parsed.at("nat").get<bool>(),
            .egress = static_cast<EgressMode>(parsed.at("egress").get<int>()),
            .networks = parsed.at("networks").get<std::vector<std::string>>(),
            .domains = parsed.at("domains").get<std::vector<std::string>>(),
            .peers = parsed.at("peers").get<std::vector<std::string>>()};
  } catch (const json::exception&) {
    return {};
  }
}

json ToJson(const SizeOrigin& origin) { return {static_cast<int>(origin.source), origin.detail}; }

SizeOrigin OriginFromJson(const json& value) {
  return {static_cast<SizeSource>(value.at(0).get<int>()), value.at(1).get<std::string>()};
}

std::string EncodeOrigins(const SizeOrigins& origins) {
  return Encode({{"vcpu", ToJson(origins.vcpu)},
                 {"memory", ToJson(origins.memory_mib)},
                 {"disk", ToJson(origins.disk_size_bytes)},
                 {"rootfs", ToJson(origins.rootfs_size_bytes)}});
}

SizeOrigins DecodeOrigins(const std::string& text) {
  try {
    const json parsed = json::parse(text);
    return {.vcpu = OriginFromJson(parsed.at("vcpu")),
            .memory_mib = OriginFromJson(parsed.at("memory")),
            .disk_size_bytes = OriginFromJson(parsed.at("disk")),
            .rootfs_size_bytes = OriginFromJson(parsed.at("rootfs"))};
  } catch (const json::exception&) {
    return {};
  }
}

void BindSizes(SqliteStatement& statement, const Vm& vm) {
  statement.Bind(vm.sizes.vcpu).Bind(vm.sizes.memory_mib);
  statement.Bind(vm.sizes.disk_size_bytes).Bind(vm.sizes.rootfs_size_bytes);
  statement.Bind(EncodeOrigins(vm.size_origins));
}

void BindChangeable(SqliteStatement& statement, const Vm& vm) {
  statement.Bind(static_cast<std::int64_t>(vm.state)).Bind(vm.state_detail).Bind(vm.provisional ? 1 : 0);
  statement.Bind(vm.image);
  BindSizes(statement, vm);
  statement.Bind(Encode(vm.exec.env)).Bind(vm.exec.user).Bind(vm.exec.working_dir);
  statement.Bind(Encode(vm.exec.entrypoint)).Bind(Encode(vm.exec.cmd));
  statement.Bind(static_cast<std::int64_t>(vm.network_mode)).Bind(vm.address);
  statement.Bind(vm.ipv6_address).Bind(vm.mac);
  statement.Bind(EncodePolicy(vm.policy)).Bind(vm.workspace);
  statement.Bind(Micros(vm.start_time)).Bind(vm.boot_duration.count());
}

}  // namespace

const std::string& VmColumns() {
  static const std::string columns = absl::StrCat(kFixed, ", ", absl::StrJoin(Changeable(), ", "));
  return columns;
}

SqliteStatement InsertVm(SqliteDatabase& db, const Vm& vm) {
  std::string values = "?,?,?,?";
  for (std::size_t i = 0; i < Changeable().size(); ++i) values += ",?";
  SqliteStatement insert =
      db.Prepare(absl::StrCat("INSERT INTO vms (", VmColumns(), ") VALUES (", values, ")"));
  insert.Bind(vm.uid).Bind(vm.name).Bind(Micros(vm.create_time)).Bind(Micros(vm.touch_time));
  BindChangeable(insert, vm);
  return insert;
}

SqliteStatement UpdateVmRow(SqliteDatabase& db, const Vm& vm) {
  SqliteStatement update =
      db.Prepare(absl::StrCat("UPDATE vms SET ", absl::StrJoin(Changeable(), "=?, "), "=? WHERE uid=?"));
  BindChangeable(update, vm);
  update.Bind(vm.uid);
  return update;
}

SqliteStatement UpdateVmSettings(SqliteDatabase& db, const Vm& vm) {
  SqliteStatement update = db.Prepare(
      "UPDATE vms SET vcpu=?, memory_mib=?, disk_size_bytes=?, rootfs_size_bytes=?, size_origins=?, "
      "policy=?, "
      "workspace=? WHERE uid=?");
  BindSizes(update, vm);
  update.Bind(EncodePolicy(vm.policy)).Bind(vm.workspace).Bind(vm.uid);
  return update;
}

Vm ReadVm(const SqliteStatement& row) {
  int column = 0;
  const auto text = [&] { return row.Text(column++); };
  const auto number = [&] { return row.Number(column++); };
  Vm vm;
  vm.uid = text();
  vm.name = text();
  vm.create_time = FromMicros(number());
  vm.touch_time = FromMicros(number());
  vm.state = static_cast<VmState>(number());
  vm.state_detail = text();
  vm.provisional = number() != 0;
  vm.image = text();
  vm.sizes.vcpu = static_cast<int>(number());
  vm.sizes.memory_mib = number();
  vm.sizes.disk_size_bytes = number();
  vm.sizes.rootfs_size_bytes = number();
  vm.size_origins = DecodeOrigins(text());
  vm.exec.env = DecodeTexts(text());
  vm.exec.user = text();
  vm.exec.working_dir = text();
  vm.exec.entrypoint = DecodeTexts(text());
  vm.exec.cmd = DecodeTexts(text());
  vm.network_mode = static_cast<NetworkMode>(number());
  vm.address = text();
  vm.ipv6_address = text();
  vm.mac = text();
  vm.policy = DecodePolicy(text());
  vm.workspace = text();
  vm.start_time = FromMicros(number());
  vm.boot_duration = std::chrono::milliseconds(number());
  return vm;
}

}  // namespace banger::vmd
