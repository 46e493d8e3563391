#include "services/vmd/adapters/qemu_migration.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/sync/pause.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr auto kCommandTimeout = 5s;
// QEMU answers nothing while it reads.
constexpr auto kLoadTimeout = 60s;
constexpr auto kSaveTimeout = 10min;
constexpr char kDescriptor[] = "state";
// As fast as the file takes it, in bytes a second.
constexpr std::int64_t kUnlimited = std::int64_t{1} << 40;

absl::StatusOr<std::string> Field(QmpClient& qmp, const char* query, const char* field) {
  BANGER_ASSIGN_OR_RETURN(const json answer, qmp.Execute(query, kCommandTimeout));
  const bool there = answer.is_object() && answer.contains(field) && answer[field].is_string();
  return there ? answer[field].get<std::string>() : std::string();
}

bool IsUnderWay(const std::string& migration) {
  static const std::set<std::string> kStates = {"setup", "active", "pre-switchover", "device", "cancelling"};
  return kStates.contains(migration);
}

// A machine that stands still because of an earlier save has to have run to be saved
// again: it does for a moment.
absl::Status LeaveEarlierSave(QmpClient& qmp) {
  BANGER_ASSIGN_OR_RETURN(const std::string state, Field(qmp, "query-status", "status"));
  if (state != "postmigrate") return absl::OkStatus();
  BANGER_RETURN_IF_ERROR(qmp.Execute("cont", kCommandTimeout).status());
  return qmp.Execute("stop", kCommandTimeout).status();
}

absl::Status AwaitSaved(QmpClient& qmp, const std::stop_token& stop) {
  const auto deadline = std::chrono::steady_clock::now() + kSaveTimeout;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::string state, Field(qmp, "query-migrate", "status"));
    if (state == "completed") return absl::OkStatus();
    if (!IsUnderWay(state)) {
      BANGER_ASSIGN_OR_RETURN(const std::string why, Field(qmp, "query-migrate", "error-desc"));
      return absl::InternalError(absl::StrCat("QEMU could not save its state: ", why.empty() ? state : why));
    }
    if (!PauseFor(1ms, stop)) return absl::CancelledError("stopped while QEMU saved its state");
    if (std::chrono::steady_clock::now() > deadline)
      return absl::DeadlineExceededError("QEMU did not save its state in time");
  }
}

}  // namespace

absl::StatusOr<std::string> QemuVersion(QmpClient& qmp) {
  BANGER_ASSIGN_OR_RETURN(const json answer, qmp.Execute("query-version", kLoadTimeout));
  try {
    const json& number = answer.at("qemu");
    const std::string package = answer.value("package", "");
    return absl::StrCat(number.at("major").get<int>(), ".", number.at("minor").get<int>(), ".",
                        number.at("micro").get<int>(),
                        package.empty() ? "" : absl::StrCat(" (", package, ")"));
  } catch (const json::exception&) {
    return absl::InternalError("QEMU does not say its version");
  }
}

absl::Status SaveState(QmpClient& qmp, int file, const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(LeaveEarlierSave(qmp));
  BANGER_RETURN_IF_ERROR(
      qmp.Execute("migrate-set-parameters", kCommandTimeout, {{"max-bandwidth", kUnlimited}}).status());
  BANGER_RETURN_IF_ERROR(qmp.Execute("getfd", kCommandTimeout, {{"fdname", kDescriptor}}, file).status());
  absl::Status saved =
      qmp.Execute("migrate", kCommandTimeout, {{"uri", absl::StrCat("fd:", kDescriptor)}}).status();
  if (saved.ok()) saved = AwaitSaved(qmp, stop);
  return saved.ok() ? saved : JoinErrors(saved, EndSaving(qmp));
}

absl::Status LoadState(QmpClient& qmp, int file) {
  BANGER_RETURN_IF_ERROR(qmp.Execute("getfd", kCommandTimeout, {{"fdname", kDescriptor}}, file).status());
  BANGER_RETURN_IF_ERROR(
      qmp.Execute("migrate-incoming", kLoadTimeout, {{"uri", absl::StrCat("fd:", kDescriptor)}}).status());
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const json status, qmp.Execute("query-status", kLoadTimeout));
    if (status.value("status", "") != "inmigrate") return absl::OkStatus();
    PauseFor(1ms, {});
  }
}

absl::Status EndSaving(QmpClient& qmp) {
  BANGER_RETURN_IF_ERROR(qmp.Execute("migrate_cancel", kCommandTimeout).status());
  const auto deadline = std::chrono::steady_clock::now() + kCommandTimeout;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::string state, Field(qmp, "query-migrate", "status"));
    if (!IsUnderWay(state)) return absl::OkStatus();
    if (std::chrono::steady_clock::now() > deadline)
      return absl::DeadlineExceededError("QEMU does not stop saving its state");
    PauseFor(1ms, {});
  }
}

}  // namespace banger::vmd
