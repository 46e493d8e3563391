#include "cli/testing/fake_tree.h"

#include <utility>

#include "common/archive/chunk_source.h"
#include "common/archive/tar_writer.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/tree/chunks.h"
#include "common/tree/tree_packer.h"
#include "common/tree/tree_receiver.h"

namespace banger::cli {
namespace {

using vm::v1::ReadVmTreeRequest;
using vm::v1::ReadVmTreeResponse;
using vm::v1::WriteVmTreeRequest;
using vm::v1::WriteVmTreeResponse;
using Stream = grpc::ServerReaderWriter<WriteVmTreeResponse, WriteVmTreeRequest>;

absl::Status Read(const FakeState& state, const ReadVmTreeRequest& request,
                  grpc::ServerWriter<ReadVmTreeResponse>& writer) {
  // Never the files of this machine.
  if (state.guest_root.empty()) return absl::NotFoundError("no such file");
  ReadVmTreeResponse response;
  response.mutable_root()->set_directory(true);
  writer.Write(response);
  Chunks chunks([&](absl::string_view bytes) {
    response.set_chunk(bytes.data(), bytes.size());
    return writer.Write(response) ? absl::OkStatus() : absl::CancelledError("the caller has left");
  });
  TarWriter tar([&](absl::string_view bytes) { return chunks.Add(bytes); });
  TreePacker packer(tar);
  if (!state.hostile_tar.empty()) {
    BANGER_RETURN_IF_ERROR(chunks.Add(state.hostile_tar));
  } else {
    BANGER_RETURN_IF_ERROR(
        packer.Add(state.guest_root.string() + "/" + request.source().path(), request.source().name(), true));
    BANGER_RETURN_IF_ERROR(tar.Finish());
  }
  BANGER_RETURN_IF_ERROR(chunks.Flush());
  if (state.no_summary) return absl::OkStatus();
  response.mutable_summary()->set_file_count(packer.files());
  response.mutable_summary()->set_data_bytes(packer.bytes());
  for (int i = 0; i < state.guest_warnings; ++i) response.mutable_summary()->add_warnings("left \x1b[2Jout");
  writer.Write(response);
  return absl::OkStatus();
}

absl::Status Write(FakeState& state, Stream& stream) {
  WriteVmTreeRequest first;
  stream.Read(&first);
  const tree::v1::Target& target = first.spec().target();
  state.target = target;
  if (state.guest_root.empty()) return absl::FailedPreconditionError("the guest has no files");
  ChunkSource source([&stream]() -> absl::StatusOr<std::string> {
    WriteVmTreeRequest request;
    if (!stream.Read(&request)) return absl::CancelledError("the caller has left");
    return std::move(*request.mutable_chunk());
  });
  BANGER_ASSIGN_OR_RETURN(const ReceivedTree received,
                          ReceiveTree(source,
                                      {.path = state.guest_root.string() + "/" + target.path(),
                                       .name = target.name(),
                                       .make_parents = target.make_parents()},
                                      {}, {}));
  WriteVmTreeResponse response;
  response.mutable_summary()->set_file_count(received.files);
  response.mutable_summary()->set_data_bytes(received.bytes);
  stream.Write(response);
  return absl::OkStatus();
}

// As the guest's agent names them.
grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok() || absl::IsCancelled(status)) return rpc::ToGrpc(status, "");
  return rpc::ToGrpc(ApiError(status.code(), "COPY_FAILED", status.message()), "");
}

}  // namespace

grpc::Status ReadFakeTree(FakeState& state, const ReadVmTreeRequest& request,
                          grpc::ServerWriter<ReadVmTreeResponse>& writer) {
  return ToGrpc(Read(state, request, writer));
}

grpc::Status WriteFakeTree(FakeState& state, Stream& stream) {
  const absl::Status written = Write(state, stream);
  if (absl::IsCancelled(written)) state.Record("write cancelled");
  return ToGrpc(written);
}

}  // namespace banger::cli
