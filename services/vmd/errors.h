// Every error that vmd's API can answer by itself. Those of imaged and netd pass
// through unchanged.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status/error.h"

namespace banger::vmd {

inline absl::Status VmNotFound(const std::string& vm) {
  return ApiError(absl::StatusCode::kNotFound, "VM_NOT_FOUND", absl::StrCat("VM '", vm, "' not found"),
                  {{"vm", vm}});
}

inline absl::Status VmExists(const std::string& vm) {
  return ApiError(absl::StatusCode::kAlreadyExists, "VM_EXISTS", absl::StrCat("VM '", vm, "' exists already"),
                  {{"vm", vm}});
}

inline absl::Status VmNameInvalid(const std::string& vm) {
  return ApiError(absl::StatusCode::kInvalidArgument, "VM_NAME_INVALID",
                  absl::StrCat("VM name '", vm,
                               "' is not valid: 1 to 63 of a-z, 0-9 and '-', no '-' at either end, and not "
                               "12 hex digits, as ids are"),
                  {{"vm", vm}});
}

inline absl::Status VmNameAmbiguous(const std::string& prefix, const std::vector<std::string>& names) {
  return ApiError(absl::StatusCode::kInvalidArgument, "VM_NAME_AMBIGUOUS",
                  absl::StrCat("'", prefix, "' begins the ids of several VMs: ", absl::StrJoin(names, ", ")),
                  {{"vm", prefix}});
}

// `field` is the request's; `problem` completes "memory_mib -1 ...".
inline absl::Status VmSizeInvalid(const std::string& field, std::int64_t value, const std::string& problem) {
  return ApiError(absl::StatusCode::kInvalidArgument, "VM_SIZE_INVALID",
                  absl::StrCat(field, " ", value, " ", problem), {{"field", field}});
}

inline absl::Status VmRunning(const std::string& vm) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "VM_RUNNING",
                  absl::StrCat("VM '", vm, "' is running: stop it first, or delete it with force"),
                  {{"vm", vm}});
}

inline absl::Status VmRunningSizes(const std::string& vm) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "VM_RUNNING",
                  absl::StrCat("VM '", vm, "' is running: its sizes change only while it is stopped"),
                  {{"vm", vm}});
}

inline absl::Status VmNotRunning(const std::string& vm) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "VM_NOT_RUNNING",
                  absl::StrCat("VM '", vm, "' is not running"), {{"vm", vm}});
}

inline absl::Status VmPaused(const std::string& vm) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "VM_PAUSED", absl::StrCat("VM '", vm, "' is paused"),
                  {{"vm", vm}});
}

// Its agent did not answer, or no longer does.
inline absl::Status GuestUnreachable(const std::string& vm, const std::string& why) {
  return ApiError(absl::StatusCode::kUnavailable, "GUEST_UNREACHABLE", absl::StrCat("VM '", vm, "': ", why),
                  {{"vm", vm}});
}

// It answered what no agent of ours does, or that it is broken itself.
inline absl::Status GuestFailed(const std::string& vm, const std::string& why) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "GUEST_FAILED", absl::StrCat("VM '", vm, "': ", why),
                  {{"vm", vm}});
}

inline absl::Status VmNotReady(const std::string& vm, const std::string& why) {
  return ApiError(absl::StatusCode::kDeadlineExceeded, "VM_NOT_READY",
                  absl::StrCat("VM '", vm, "' did not become ready: ", why), {{"vm", vm}});
}

inline absl::Status SnapshotNotFound(const std::string& snapshot) {
  return ApiError(absl::StatusCode::kNotFound, "SNAPSHOT_NOT_FOUND",
                  absl::StrCat("snapshot '", snapshot, "' not found"), {{"snapshot", snapshot}});
}

inline absl::Status SnapshotExists(const std::string& snapshot) {
  return ApiError(absl::StatusCode::kAlreadyExists, "SNAPSHOT_EXISTS",
                  absl::StrCat("snapshot '", snapshot, "' exists already"), {{"snapshot", snapshot}});
}

inline absl::Status SnapshotNameInvalid(const std::string& snapshot) {
  return ApiError(absl::StatusCode::kInvalidArgument, "SNAPSHOT_NAME_INVALID",
                  absl::StrCat("snapshot name '", snapshot,
                               "' is not valid: 1 to 63 of a-z, 0-9 and '-', no '-' at either end"),
                  {{"snapshot", snapshot}});
}

// It is not what was sealed: `what` is wrong.
inline absl::Status SnapshotDamaged(const std::string& snapshot, const std::string& what) {
  return ApiError(absl::StatusCode::kDataLoss, "SNAPSHOT_DAMAGED",
                  absl::StrCat("snapshot '", snapshot, "' is damaged: ", what), {{"snapshot", snapshot}});
}

// It is whole, but not for here: `why` says what of the VMM, kernel or machine differs.
inline absl::Status SnapshotUnfit(const std::string& why) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "SNAPSHOT_UNFIT",
                  absl::StrCat("the snapshot does not fit: ", why));
}

// The operation was ended by a forced delete.
inline absl::Status VmDeleted(const std::string& vm) {
  return ApiError(absl::StatusCode::kAborted, "VM_DELETED",
                  absl::StrCat("VM '", vm, "' was deleted meanwhile"), {{"vm", vm}});
}

inline absl::Status SignalInvalid(int signal) {
  return ApiError(
      absl::StatusCode::kInvalidArgument, "SIGNAL_INVALID",
      absl::StrCat("signal ", signal,
                   " is not allowed: SIGHUP (1), SIGINT (2), SIGQUIT (3), SIGKILL (9), SIGTERM (15)"),
      {{"signal", absl::StrCat(signal)}});
}

inline absl::Status WatchExpired(const std::string& why) {
  return ApiError(absl::StatusCode::kOutOfRange, "WATCH_EXPIRED",
                  absl::StrCat("the watch cannot go on: ", why, "; begin anew"));
}

inline absl::Status DiskFull(const std::string& what) {
  return ApiError(absl::StatusCode::kResourceExhausted, "DISK_FULL", what);
}

// `remedy` says what to install or to set.
inline absl::Status VmmNotFound(const std::string& program, const std::string& remedy) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "VMM_NOT_FOUND",
                  absl::StrCat("'", program, "' not found: ", remedy), {{"program", program}});
}

inline absl::Status VmmVersionRefused(const std::string& program, const std::string& version,
                                      const std::string& wanted) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "VMM_VERSION_REFUSED",
                  absl::StrCat("'", program, "' is version ", version,
                               ", which has published vulnerabilities: install ", wanted),
                  {{"program", program}, {"version", version}});
}

// The VMM could not be started; `why` has its own words.
inline absl::Status VmmFailed(const std::string& why) {
  return ApiError(absl::StatusCode::kFailedPrecondition, "VMM_FAILED", why);
}

// `owner` is "VM 'web'", "nginx (pid 12)", "a program of user 'www'".
inline absl::Status PortInUse(const std::string& port, const std::string& owner) {
  return ApiError(absl::StatusCode::kAlreadyExists, "PORT_IN_USE",
                  absl::StrCat("port ", port, " of the host is in use by ", owner),
                  {{"port", port}, {"owner", owner}});
}

inline absl::Status FieldInvalid(const std::string& field, const std::string& problem) {
  return ApiError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID", absl::StrCat(field, " ", problem),
                  {{"field", field}});
}

}  // namespace banger::vmd
