#include "cli/copy/guest_file.h"

#include <ctime>
#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/copy/guest_tar.h"
#include "cli/names.h"
#include "common/archive/archive_reader.h"
#include "common/archive/tar_writer.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

constexpr std::int64_t kMaxSize = 1 << 20;
// In the tar, where nobody else sees it.
constexpr char kMember[] = "file";

absl::StatusOr<std::string> Pack(const std::string& content, unsigned mode) {
  std::string bytes;
  TarWriter tar([&bytes](absl::string_view piece) {
    bytes.append(piece.data(), piece.size());
    return absl::OkStatus();
  });
  const auto size = static_cast<std::int64_t>(content.size());
  BANGER_RETURN_IF_ERROR(tar.Begin(
      {.path = kMember, .mode = mode, .mtime_seconds = std::time(nullptr), .size = size}, {{0, size}}));
  BANGER_RETURN_IF_ERROR(tar.Write(content));
  BANGER_RETURN_IF_ERROR(tar.Finish());
  return bytes;
}

}  // namespace

absl::StatusOr<std::string> ReadGuestFile(Client& client, const std::string& vm, const std::string& path) {
  BANGER_RETURN_IF_ERROR(client.Connect());
  vm::v1::ReadVmTreeRequest request;
  request.set_name(VmName(vm));
  request.mutable_source()->set_path(path);
  request.mutable_source()->set_name(kMember);
  GuestTar bytes(client, request, kQuick, "");
  BANGER_ASSIGN_OR_RETURN(ArchiveReader tar, ArchiveReader::OpenPlainTar(bytes));
  BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveEntry> entry, tar.Next());
  if (!entry.has_value() || entry->type != ArchiveEntry::Type::kFile || entry->size > kMaxSize)
    return absl::FailedPreconditionError(absl::StrCat("'", path, "' is no file of at most 1 MiB"));
  EntrySource content(tar);
  BANGER_ASSIGN_OR_RETURN(std::string text, ReadAll(content, kMaxSize));
  BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveEntry> more, tar.Next());
  if (more.has_value()) return absl::DataLossError(absl::StrCat("the VM sent more than '", path, "'"));
  BANGER_RETURN_IF_ERROR(CheckPadding(tar, bytes));
  return text;
}

absl::Status WriteGuestFile(Client& client, const std::string& vm, const std::string& path,
                            const std::string& content, unsigned mode) {
  BANGER_RETURN_IF_ERROR(client.Connect());
  BANGER_ASSIGN_OR_RETURN(const std::string bytes, Pack(content, mode));
  vm::v1::VmService::Stub stub(client.channel());
  const auto call = client.NewCall(kQuick);
  const auto stream = stub.WriteVmTree(call->context());
  vm::v1::WriteVmTreeRequest request;
  request.mutable_spec()->set_name(VmName(vm));
  request.mutable_spec()->mutable_target()->set_path(path);
  request.mutable_spec()->mutable_target()->set_name(kMember);
  request.mutable_spec()->mutable_target()->set_make_parents(true);
  // A write that fails shows in Finish.
  stream->Write(request);
  for (std::size_t at = 0; at < bytes.size(); at += 256 << 10) {
    request.set_chunk(bytes.substr(at, 256 << 10));
    stream->Write(request);
  }
  request.set_chunk("");
  stream->Write(request);
  stream->WritesDone();
  bool whole = false;
  for (vm::v1::WriteVmTreeResponse response; stream->Read(&response);) whole = response.has_summary();
  BANGER_RETURN_IF_ERROR(client.Result(stream->Finish()));
  return whole ? absl::OkStatus() : absl::DataLossError("the VM stopped in the middle");
}

}  // namespace banger::cli
