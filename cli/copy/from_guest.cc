#include <unistd.h>

#include <utility>

#include "cli/copy/copy.h"
#include "cli/copy/guest_tar.h"
#include "cli/names.h"
#include "cli/output/streams.h"
#include "common/status/status_macros.h"
#include "common/tree/tree_receiver.h"

namespace banger::cli {
namespace {

using vm::v1::ReadVmTreeRequest;

absl::StatusOr<Copied> ToStdout(GuestTar& tar) {
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const absl::string_view chunk, tar.ReadChunk());
    if (chunk.empty()) break;
    BANGER_RETURN_IF_ERROR(WriteStdout(chunk));
  }
  return Copied{.files = tar.summary().file_count(), .bytes = tar.summary().data_bytes(), .warnings = {}};
}

absl::StatusOr<Copied> ToDestination(GuestTar& tar, const std::string& destination, const std::string& name,
                                     bool keep_owners, const std::stop_token& stop) {
  // Never setuid or setgid: who made it is not who would have it.
  const ExtractOptions options{.keep_owners = keep_owners && ::geteuid() == 0};
  BANGER_ASSIGN_OR_RETURN(
      ReceivedTree received,
      ReceiveTree(tar, {.path = destination, .name = name, .through_link = false}, options, stop));
  return Copied{received.files, received.bytes, std::move(received.warnings)};
}

}  // namespace

absl::StatusOr<Copied> CopyFromGuest(Client& client, const std::string& vm, const std::string& path,
                                     const std::string& destination, const CopyOptions& options) {
  BANGER_RETURN_IF_ERROR(client.Connect());
  const std::string name = NameOfSource(path);
  ReadVmTreeRequest request;
  request.set_name(VmName(vm));
  request.mutable_source()->set_path(path);
  request.mutable_source()->set_name(name);
  request.mutable_source()->set_user(options.user);
  GuestTar tar(client, request, kForever, options.what);
  BANGER_ASSIGN_OR_RETURN(Copied copied,
                          destination == "-"
                              ? ToStdout(tar)
                              : ToDestination(tar, destination, name, options.keep_owners, client.stop()));
  copied.warnings.insert(copied.warnings.begin(), tar.summary().warnings().begin(),
                         tar.summary().warnings().end());
  return copied;
}

}  // namespace banger::cli
