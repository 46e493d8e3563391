#include "cli/workspace/workspace.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/copy/copy.h"
#include "cli/copy/guest_tar.h"
#include "cli/exec/captured.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "common/archive/tar_writer.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/status/utf8.h"
#include "common/tree/chunks.h"

namespace banger::cli {
namespace {

constexpr std::chrono::seconds kCleanUp{60};
constexpr std::chrono::seconds kLook{30};

// Whether anything is there: the first that comes of it says so, and no more is asked.
absl::Status RequireMissing(Client& client, const std::string& vm, const std::string& path) {
  BANGER_RETURN_IF_ERROR(client.Connect());
  vm::v1::ReadVmTreeRequest request;
  request.set_name(VmName(vm));
  request.mutable_source()->set_path(path);
  request.mutable_source()->set_name("x");
  GuestTar tar(client, request, kLook, "");
  const absl::StatusOr<absl::string_view> chunk = tar.ReadChunk();
  if (absl::IsNotFound(chunk.status()) && ErrorReason(chunk.status()) == "COPY_FAILED")
    return absl::OkStatus();
  if (!chunk.ok() && ErrorReason(chunk.status()) != "COPY_FAILED") return chunk.status();
  return absl::FailedPreconditionError(
      absl::StrCat("'", path, "' is there already; get what was done in it with 'banger vm workspace export ",
                   vm, "', and remove it"));
}

absl::Status Record(Client& client, const std::string& vm, const std::string& directory) {
  vm::v1::UpdateVmRequest request;
  request.set_name(VmName(vm));
  request.set_workspace(directory);
  return client.Unary(&vm::v1::VmService::Stub::UpdateVm, request).status();
}

// Nothing was there before: all that is there is ours.
void Remove(const Client& client, const std::string& vm, const std::string& directory) {
  Client cleaner = client.WithoutStop();
  RunCaptured(cleaner, vm, {.argv = {"rm", "-rf", "--", directory}, .timeout = kCleanUp})
      .status()
      .IgnoreError();
}

}  // namespace

std::string WorkspaceDirectory(const Repository& repository) {
  const std::string name = repository.name();
  // Names of files are bytes; those of a request are text.
  const bool usable = !name.empty() && IsUtf8(name) && OneLine(name) == name;
  return absl::StrCat("/root/", usable ? name : "workspace");
}

absl::Status SendWorkspace(Client& client, const std::string& vm, const Snapshot& snapshot,
                           const std::string& directory, const std::string& what) {
  BANGER_RETURN_IF_ERROR(RequireMissing(client, vm, directory));
  vm::v1::WriteVmTreeRequest first;
  first.mutable_spec()->set_name(VmName(vm));
  first.mutable_spec()->mutable_target()->set_path(directory);
  const auto produce = [&](const Sink& sink, const Wake&) {
    Chunks chunks(sink);
    TarWriter tar([&chunks](absl::string_view bytes) { return chunks.Add(bytes); });
    TreePacker packer(tar, client.stop());
    BANGER_RETURN_IF_ERROR(snapshot.Pack(packer));
    BANGER_RETURN_IF_ERROR(tar.Finish());
    return chunks.Flush();
  };
  const absl::StatusOr<Copied> copied = SendTree(client, first, produce, what);
  const absl::Status done = copied.ok() ? Record(client, vm, directory) : copied.status();
  if (!done.ok()) {
    Remove(client, vm, directory);
    return done;
  }
  for (const std::string& warning : copied->warnings) Warn(OneLine(warning));
  return absl::OkStatus();
}

}  // namespace banger::cli
