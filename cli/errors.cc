#include "cli/errors.h"

#include "absl/strings/str_cat.h"
#include "cli/output/text.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

constexpr char kUsage[] = "USAGE";
constexpr char kBrokenPipe[] = "STDOUT_CLOSED";
constexpr char kForbidden[] = "GATEWAY_FORBIDDEN";
constexpr char kUnreachable[] = "GATEWAY_UNREACHABLE";  // of another host

struct Hint {
  const char* reason;
  const char* text;
};

// One line each, naming the command that helps.
constexpr Hint kHints[] = {
    {"CATALOG_ENTRY_NOT_FOUND", "see what there is with 'banger kernel list --available'"},
    {"CERTIFICATE_REFUSED", "ask whoever runs that gateway for another certificate"},
    {"CERTIFICATE_UNUSABLE", "put a good one in its place, or see 'banger context list'"},
    {"CONTEXT_EXISTS", "remove it first with 'banger context rm'"},
    {"CONTEXT_NOT_FOUND", "see which there are with 'banger context list'"},
    {"DISK_FULL", "free space with 'banger vm delete' and 'banger image delete'"},
    {kForbidden, "ask for membership of the group 'banger', then log in again"},
    {"GATEWAY_NOT_TRUSTED", "check its address, and --ca with whoever runs it; somebody may be in between"},
    {kUnreachable,
     "see its address with 'banger context list'; this host's own gateway is '--context local'"},
    {"IMAGE_BUILT_IN", "it comes with banger and takes no room worth saving"},
    {"IMAGE_CONFIG_UNUSABLE",
     "say it yourself: -u USER, -w DIR, or a command after '--' without --entrypoint"},
    {"IMAGE_EXISTS", "choose another name, or remove it with 'banger image delete'"},
    {"IMAGE_IN_USE", "delete the VMs that use it first: 'banger vm list -a'"},
    {"IMAGE_NAME_INVALID", "a name is 1 to 128 of a-z 0-9 . _ - and starts with a letter or digit"},
    {"IMAGE_NOT_FOUND", "list images with 'banger image list', or get one with 'banger image pull'"},
    {"KERNEL_EXISTS", "replace it with --force, or choose another name"},
    {"KERNEL_NAME_INVALID", "a name is 1 to 64 of a-z A-Z 0-9 . _ - and starts with a letter or digit"},
    {"KERNEL_NOT_FOUND", "list kernels with 'banger kernel list', or pull one with 'banger kernel pull'"},
    {"NO_ADDRESS_LEFT", "delete VMs that are no longer needed: 'banger vm list -a'"},
    {"NO_KERNEL", "get one with 'banger kernel pull debian-6.1' or 'banger kernel import'"},
    {"OPERATIONS_RUN", "wait for it, or end it; VMs themselves go on running"},
    {"PATH_NOT_ALLOWED",
     "allow its directory in the daemon's configuration ([images] in_place_dirs), or leave "
     "out --in-place"},
    {"PLATFORM_NOT_FOUND", "choose one of them with 'banger image pull --platform', if this host can run it"},
    {"REFERENCE_INVALID", "write it as docker takes it: debian:bookworm, localhost:5000/team/app:v1"},
    {"REGISTRY_DENIED", "log in as somebody who may: 'banger image login REGISTRY -u NAME'"},
    {"REGISTRY_LOGIN_NEEDED", "log in with 'banger image login REGISTRY -u NAME'"},
    {"REMOTE_IMAGE_NOT_FOUND", "look for a typing error in the name or the tag"},
    {"ROLE_TOO_LOW", "whoever runs the gateway gives roles: [gateway] in its configuration, docs/remote.md"},
    {"SNAPSHOT_DAMAGED", "remove it with 'banger vm snapshot delete'; the VM itself is as it was"},
    {"SNAPSHOT_EXISTS", "choose another name, or remove it with 'banger vm snapshot delete'"},
    {"SNAPSHOT_NAME_INVALID", "a snapshot's name is 1 to 63 of a-z 0-9 -, with no hyphen at either end"},
    {"SNAPSHOT_NOT_FOUND", "list snapshots with 'banger vm snapshot list'"},
    {"SSH_NOT_FOUND", "install OpenSSH's client (package openssh-client)"},
    {"VMM_NOT_FOUND", "or choose another VMM: vmm, qemu_bin, firecracker_bin in the configuration"},
    {"VMM_VERSION_REFUSED", "or choose QEMU: vmm = \"qemu\" in the configuration"},
    {"VM_EXISTS", "choose another --name, or leave it out to get one made up"},
    {"VM_NAME_AMBIGUOUS", "give more of the id: 'banger vm list -a'"},
    {"VM_NAME_INVALID", "a VM's name is 1 to 63 of a-z 0-9 -, with no hyphen at either end"},
    {"VM_NOT_FOUND", "list VMs with 'banger vm list -a'"},
    {"VM_NOT_READY",
     "see what it said with 'banger vm logs VM', remove it with 'banger vm delete --force VM'"},
    {"VM_NOT_RUNNING", "start it with 'banger vm start VM'"},
    {"VM_PAUSED", "let it go on with 'banger vm resume VM'"},
    {"VM_RUNNING", "stop it with 'banger vm stop VM'"},
};

// Empty also for a reason that only repeats the code, as an error without one
// gets it on the wire.
std::string ReasonOf(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return reason == absl::StatusCodeToString(status.code()) ? "" : reason;
}

bool IsUnreachable(const absl::Status& status) {
  // Another reason is a daemon's answer about something else.
  const std::string reason = ReasonOf(status);
  return absl::IsUnavailable(status) &&
         (reason.empty() || reason == "DAEMON_UNAVAILABLE" || reason == kUnreachable);
}

// "VM" of a hint becomes the one that the error is about.
std::string WithVm(const std::string& hint, const absl::Status& status) {
  const ErrorMetadata metadata = GetErrorMetadata(status);
  const auto vm = metadata.find("vm");
  if (vm == metadata.end()) return hint;
  std::string named;
  for (std::size_t i = 0; i < hint.size();) {
    const bool whole_word = hint.compare(i, 2, "VM") == 0 && i > 0 && hint[i - 1] == ' ' &&
                            (i + 2 == hint.size() || hint[i + 2] == '\'');
    named += whole_word ? OneLine(vm->second) : hint.substr(i, 1);
    i += whole_word ? 2 : 1;
  }
  return named;
}

}  // namespace

absl::Status UsageError(absl::string_view message) {
  return ApiError(absl::StatusCode::kInvalidArgument, kUsage, message);
}

absl::Status GatewayForbidden(absl::string_view message) {
  return ApiError(absl::StatusCode::kPermissionDenied, kForbidden, message);
}

absl::Status BrokenPipe() {
  return ApiError(absl::StatusCode::kCancelled, kBrokenPipe, "write to standard output: nobody reads it");
}

absl::Status NothingKept(const absl::Status& status) {
  if (!absl::IsCancelled(status)) return status;
  return absl::CancelledError(absl::StrCat(status.message(), "; nothing was kept"));
}

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  const std::string reason = ReasonOf(status);
  if (reason == kUsage) return kExitUsage;
  if (reason == kBrokenPipe) return kExitBrokenPipe;
  if (absl::IsCancelled(status)) return kExitInterrupted;
  if (absl::IsNotFound(status)) return kExitNotFound;
  if (IsUnreachable(status)) return kExitUnreachable;
  return kExitFailed;
}

std::string HintFor(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  for (const Hint& hint : kHints)
    if (reason == hint.reason) return WithVm(hint.text, status);
  if (IsUnreachable(status))
    return "start the daemons: 'systemctl start banger-gateway', or 'scripts/dev up' in a clone";
  return "";
}

std::string FormatError(const absl::Status& status, const std::string& request_id, bool color) {
  const std::string reason = ReasonOf(status);
  if (status.ok() || reason == kBrokenPipe) return "";
  const std::string text = OneLine(std::string(status.message()));
  std::string lines = absl::StrCat(Paint("banger:", Color::kRed, color), " ",
                                   text.empty() ? absl::StatusCodeToString(status.code()) : text);
  if (!reason.empty() && reason != kUsage) absl::StrAppend(&lines, " (", OneLine(reason), ")");
  lines += '\n';
  if (const std::string hint = HintFor(status); !hint.empty())
    absl::StrAppend(&lines, Paint("hint:", Color::kCyan, color), " ", hint, "\n");
  const ErrorMetadata metadata = GetErrorMetadata(status);
  const auto carried = metadata.find("request_id");
  const std::string id = carried != metadata.end() ? OneLine(carried->second) : request_id;
  if (!id.empty() && reason != kUsage) absl::StrAppend(&lines, "request: ", id, "\n");
  return lines;
}

}  // namespace banger::cli
