#include "cli/exec/session.h"

#include <unistd.h>

#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/exec/input_pump.h"
#include "cli/exec/terminal.h"
#include "cli/output/streams.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using vm::v1::ExecVmRequest;
using vm::v1::ExecVmResponse;
using Stream = grpc::ClientReaderWriter<ExecVmRequest, ExecVmResponse>;

// While it lives, the process's signals go to the pump; from Start on the pump
// runs on a thread.
class PumpThread {
 public:
  PumpThread(InputPump& pump, Signals& signals) : pump_(pump), signals_(signals) {
    signals_.SetHandler([&pump](int signal) { pump.OnSignal(signal); });
  }
  ~PumpThread() {
    signals_.SetHandler({});
    pump_.Finish();
    if (thread_.joinable()) thread_.join();
  }
  void Start() {
    thread_ = std::thread([this] { pump_.Run(); });
  }

 private:
  InputPump& pump_;
  Signals& signals_;
  std::thread thread_;
};

// Raw mode, where the command has a terminal and we do.
std::optional<TerminalMode> EnterRaw(bool tty) {
  if (!tty || ::isatty(STDIN_FILENO) != 1) return std::nullopt;
  absl::StatusOr<TerminalMode> entered = TerminalMode::Raw(STDIN_FILENO);
  return entered.ok() ? std::optional<TerminalMode>(*std::move(entered)) : std::nullopt;
}

absl::Status WriteOutput(const exec::v1::Output& output, std::optional<int>& exit_code) {
  switch (output.kind_case()) {
    case exec::v1::Output::kStdout:
      return WriteStdout(output.stdout());
    case exec::v1::Output::kStderr:
      return WriteStderr(output.stderr());
    case exec::v1::Output::kExited:
      exit_code = output.exited().exit_code();
      return absl::OkStatus();
    default:
      return absl::OkStatus();
  }
}

}  // namespace

absl::StatusOr<int> RunInVm(Client& client, Signals& signals, const std::string& vm_name,
                            exec::v1::Command command) {
  BANGER_RETURN_IF_ERROR(client.Connect());
  const InputPump::Options options{.forward_stdin = command.stdin(), .tty = command.tty()};
  if (options.tty) *command.mutable_window_size() = CurrentWindowSize();
  ExecVmRequest first;
  first.set_name(vm_name);
  *first.mutable_input()->mutable_command() = std::move(command);

  vm::v1::VmService::Stub stub(client.channel());
  const auto call = client.NewCall(kForever);
  const std::unique_ptr<Stream> stream = stub.ExecVm(call->context());
  InputPump pump(
      options,
      [&stream](const exec::v1::Input& input) {
        ExecVmRequest request;
        *request.mutable_input() = input;
        return stream->Write(request);
      },
      [&signals] { signals.RequestStop(); });
  std::optional<int> exit_code;
  absl::Status used;
  {
    // No signal is lost between the command's start and its first input.
    PumpThread thread(pump, signals);
    if (stream->Write(first)) {
      const std::optional<TerminalMode> raw = EnterRaw(options.tty);
      thread.Start();
      used = ReadAll<ExecVmResponse>(*stream, *call, [&exit_code](const ExecVmResponse& response) {
        return WriteOutput(response.output(), exit_code);
      });
    }
  }
  const grpc::Status finished = stream->Finish();
  if (!used.ok()) return used;
  if (exit_code.has_value()) return *exit_code;
  BANGER_RETURN_IF_ERROR(client.Result(finished));
  return absl::InternalError("the guest did not say how the command ended");
}

}  // namespace banger::cli
