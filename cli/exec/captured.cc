#include "cli/exec/captured.h"

#include <optional>

#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/names.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

constexpr std::size_t kKept = 4096;

}  // namespace

absl::StatusOr<CapturedExec> RunCaptured(Client& client, const std::string& vm,
                                         const CapturedCommand& command,
                                         const std::function<absl::Status(absl::string_view)>& sink) {
  BANGER_RETURN_IF_ERROR(client.Connect());
  vm::v1::ExecVmRequest request;
  request.set_name(VmName(vm));
  exec::v1::Command& sent = *request.mutable_input()->mutable_command();
  for (const std::string& word : command.argv) sent.add_argv(word);
  for (const std::string& entry : command.env) sent.add_env(entry);
  sent.set_user("0");
  sent.set_working_dir("/");

  vm::v1::VmService::Stub stub(client.channel());
  const auto call = client.NewCall(command.timeout);
  const auto stream = stub.ExecVm(call->context());
  stream->Write(request);
  stream->WritesDone();
  CapturedExec result;
  std::optional<int> exit_code;
  const absl::Status used =
      ReadAll<vm::v1::ExecVmResponse>(*stream, *call, [&](const vm::v1::ExecVmResponse& response) {
        const exec::v1::Output& output = response.output();
        if (output.has_exited()) exit_code = output.exited().exit_code();
        result.err += output.stderr();
        if (result.err.size() > kKept) result.err.erase(0, result.err.size() - kKept);
        return output.stdout().empty() || !sink ? absl::OkStatus() : sink(output.stdout());
      });
  const grpc::Status finished = stream->Finish();
  BANGER_RETURN_IF_ERROR(used);
  BANGER_RETURN_IF_ERROR(client.Result(finished));
  if (!exit_code.has_value()) return absl::InternalError("the guest did not say how the command ended");
  result.exit_code = *exit_code;
  return result;
}

}  // namespace banger::cli
