#include "services/agent/tree_call.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/archive/archive_path.h"
#include "common/archive/chunk_source.h"
#include "common/archive/metered_source.h"
#include "common/archive/tar_writer.h"
#include "common/rpc/progress_report.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/tree/chunks.h"
#include "common/tree/tree_packer.h"
#include "common/tree/tree_receiver.h"
#include "services/agent/errors.h"
#include "services/agent/guest_user.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace v1 = guest::v1;
namespace {

absl::StatusOr<fs::path> PathInGuest(const std::string& path, const User& user) {
  if (path.find('\0') != std::string::npos)
    return absl::InvalidArgumentError(absl::StrCat("'", PrintableArchivePath(path), "' is no path"));
  // An empty one is the home directory; "/" behind it makes a directory of it.
  return path.empty() ? fs::path(user.home) : fs::path(user.home) / path;
}

absl::StatusOr<v1::ReadTreeResponse> RootOf(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) < 0) return ErrnoError(errno, absl::StrCat("read '", path.string(), "'"));
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
    return absl::FailedPreconditionError(
        absl::StrCat("'", path.string(), "' is neither a file nor a directory"));
  v1::ReadTreeResponse response;
  response.mutable_root()->set_directory(S_ISDIR(info.st_mode));
  if (S_ISREG(info.st_mode)) response.mutable_root()->set_size_bytes(info.st_size);
  return response;
}

absl::Status Gone() { return absl::CancelledError("the caller has left"); }

absl::Status Pack(const std::stop_token& stop, const tree::v1::Source& source, ReadTreeWriter& out) {
  BANGER_ASSIGN_OR_RETURN(const User user, FindGuestUser(source.user()));
  BANGER_ASSIGN_OR_RETURN(const fs::path path, PathInGuest(source.path(), user));
  BANGER_ASSIGN_OR_RETURN(v1::ReadTreeResponse root, RootOf(path));
  if (source.name().empty() && !root.root().directory())
    return absl::FailedPreconditionError(absl::StrCat("'", path.string(), "' is not a directory"));
  if (!out.Send(std::move(root))) return Gone();
  Chunks chunks([&out](absl::string_view bytes) {
    v1::ReadTreeResponse response;
    response.set_chunk(bytes.data(), bytes.size());
    return out.Send(std::move(response)) ? absl::OkStatus() : Gone();
  });
  TarWriter tar([&chunks](absl::string_view bytes) { return chunks.Add(bytes); });
  TreePacker packer(tar, stop);
  BANGER_RETURN_IF_ERROR(packer.Add(path, source.name(), true));
  BANGER_RETURN_IF_ERROR(tar.Finish());
  BANGER_RETURN_IF_ERROR(chunks.Flush());
  v1::ReadTreeResponse last;
  last.mutable_summary()->set_file_count(packer.files());
  last.mutable_summary()->set_data_bytes(packer.bytes());
  last.mutable_summary()->mutable_warnings()->Assign(packer.warnings().begin(), packer.warnings().end());
  return out.Send(std::move(last)) ? absl::OkStatus() : Gone();
}

absl::Status Unpack(const std::stop_token& stop, const tree::v1::Target& target, WriteTreeStream& stream) {
  BANGER_ASSIGN_OR_RETURN(const User user, FindGuestUser(target.user()));
  BANGER_ASSIGN_OR_RETURN(const fs::path path, PathInGuest(target.path(), user));
  ChunkSource chunks([&stream]() -> absl::StatusOr<std::string> {
    std::optional<v1::WriteTreeRequest> request = stream.Read();
    if (!request.has_value()) return absl::CancelledError("the caller left before the end of the tar");
    return std::move(*request->mutable_chunk());
  });
  const ProgressFn progress = rpc::ReportTo<v1::WriteTreeResponse>(stream);
  MeteredSource source(chunks, "copy", target.total_bytes(), progress, stop);
  const ExtractOptions options{.mode_mask = target.keep_owners() ? 07777U : 01777U,
                               .keep_owners = target.keep_owners(),
                               .owner = FileOwner{user.uid, user.gid}};
  BANGER_ASSIGN_OR_RETURN(
      const ReceivedTree received,
      ReceiveTree(source, {.path = path, .name = target.name(), .make_parents = target.make_parents()},
                  options, stop));
  v1::WriteTreeResponse last;
  last.mutable_summary()->set_file_count(received.files);
  last.mutable_summary()->set_data_bytes(received.bytes);
  last.mutable_summary()->mutable_warnings()->Assign(received.warnings.begin(), received.warnings.end());
  return stream.Send(std::move(last)) ? absl::OkStatus() : Gone();
}

}  // namespace

absl::Status RunReadTree(const std::stop_token& stop, const tree::v1::Source& source, ReadTreeWriter& out) {
  return CopyFailed(Pack(stop, source, out));
}

absl::Status RunWriteTree(const std::stop_token& stop, WriteTreeStream& stream) {
  const std::optional<v1::WriteTreeRequest> first = stream.Read();
  if (!first.has_value() || !first->has_target())
    return CopyFailed(absl::InvalidArgumentError("the first message of WriteTree has no target"));
  return CopyFailed(Unpack(stop, first->target(), stream));
}

}  // namespace banger::agent
