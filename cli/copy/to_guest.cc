#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/copy/copy.h"
#include "cli/names.h"
#include "cli/output/progress.h"
#include "cli/upload/import_stream.h"
#include "common/archive/tar_writer.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/tree/chunks.h"
#include "common/tree/tree_packer.h"

namespace banger::cli {
namespace {

using vm::v1::WriteVmTreeRequest;
using vm::v1::WriteVmTreeResponse;
using Produce = std::function<absl::Status(const Sink&, const Wake&)>;

WriteVmTreeRequest FirstRequest(const std::string& vm, const std::string& path, const std::string& name,
                                const CopyOptions& options) {
  WriteVmTreeRequest request;
  request.mutable_spec()->set_name(VmName(vm));
  tree::v1::Target& target = *request.mutable_spec()->mutable_target();
  target.set_path(path);
  target.set_name(name);
  target.set_user(options.user);
  target.set_keep_owners(options.keep_owners);
  return request;
}

absl::StatusOr<Copied> SendStdin(Client& client, WriteVmTreeRequest first, const std::string& what) {
  BANGER_ASSIGN_OR_RETURN(const Upload upload, Upload::OfStdin());
  first.mutable_spec()->mutable_target()->set_total_bytes(upload.total_bytes());
  return SendTree(
      client, first, [&upload](const Sink& sink, const Wake& wake) { return upload.Produce(sink, wake); },
      what);
}

}  // namespace

absl::StatusOr<Copied> SendTree(Client& client, const WriteVmTreeRequest& first, const Produce& produce,
                                const std::string& what) {
  BANGER_RETURN_IF_ERROR(client.Connect());
  vm::v1::VmService::Stub stub(client.channel());
  const auto call = client.NewCall(kForever);
  const auto stream = stub.WriteVmTree(call->context());
  ProgressView view(what);
  Copied copied;
  bool whole = false;
  BANGER_RETURN_IF_ERROR(
      StreamImport(client, *stream, *call, first, produce, view, [&](const WriteVmTreeResponse& response) {
        whole = true;
        copied.files = response.summary().file_count();
        copied.bytes = response.summary().data_bytes();
        copied.warnings.assign(response.summary().warnings().begin(), response.summary().warnings().end());
      }));
  if (!whole) return absl::DataLossError("the VM stopped in the middle");
  return copied;
}

std::string NameOfSource(const std::string& source) {
  if (absl::EndsWith(source, "/.")) return "";
  std::string plain = source;
  while (absl::EndsWith(plain, "/")) plain.pop_back();
  const std::string name = plain.substr(plain.rfind('/') + 1);
  return name == "." || name == ".." ? "" : name;
}

absl::StatusOr<Copied> CopyToGuest(Client& client, const std::string& source, const std::string& vm,
                                   const std::string& path, const CopyOptions& options) {
  if (source == "-") return SendStdin(client, FirstRequest(vm, path, "", options), options.what);
  // Before the guest makes a directory for it.
  struct stat info {};
  if (::stat(source.c_str(), &info) < 0) return ErrnoError(errno, absl::StrCat("read '", source, "'"));
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
    return absl::FailedPreconditionError("it is neither a file nor a directory");
  const std::string name = NameOfSource(source);
  std::vector<std::string> left_out;
  const Produce produce = [&](const Sink& sink, const Wake&) {
    Chunks chunks(sink);
    TarWriter tar([&chunks](absl::string_view bytes) { return chunks.Add(bytes); });
    TreePacker packer(tar, client.stop());
    BANGER_RETURN_IF_ERROR(packer.Add(source, name, true));
    BANGER_RETURN_IF_ERROR(tar.Finish());
    left_out = packer.warnings();
    return chunks.Flush();
  };
  WriteVmTreeRequest first = FirstRequest(vm, path, name, options);
  if (S_ISREG(info.st_mode)) first.mutable_spec()->mutable_target()->set_total_bytes(info.st_size);
  BANGER_ASSIGN_OR_RETURN(Copied copied, SendTree(client, first, produce, options.what));
  copied.warnings.insert(copied.warnings.begin(), left_out.begin(), left_out.end());
  return copied;
}

}  // namespace banger::cli
