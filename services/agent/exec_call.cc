#include "services/agent/exec_call.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/agent/adapters/exec_session.h"
#include "services/agent/errors.h"
#include "services/agent/exec_options.h"

namespace banger::agent {
namespace v1 = guest::v1;
using exec::v1::Command;
using exec::v1::Input;
namespace {

constexpr int kCannotExecute = 126;
constexpr int kNotFound = 127;

TerminalSize FromProto(const exec::v1::WindowSize& size) {
  return {.rows = size.rows(), .columns = size.columns()};
}

void SendExit(ExecStream& stream, const ExecResult& result) {
  v1::ExecResponse response;
  auto* exited = response.mutable_output()->mutable_exited();
  exited->set_exit_code(result.exit_code);
  exited->set_signal(result.signal);
  stream.Send(std::move(response));
}

bool IsThere(const std::string& program, const Environment& env) {
  const std::vector<std::string> files = ProgramCandidates(program, Lookup(env, "PATH"));
  return std::any_of(files.begin(), files.end(),
                     [](const std::string& file) { return ::access(file.c_str(), F_OK) == 0; });
}

std::string WhyNotExecuted(int error, bool is_there) {
  // The kernel says so also of a program whose loader is missing: one of another
  // libc, or of another architecture that the kernel could run.
  if (error == ENOENT && is_there) return "its interpreter or dynamic loader is not in the image";
  if (error == ENOENT) return "not found";
  if (error == ENOEXEC) return "not a program for this machine";
  return std::strerror(error);
}

// As a shell puts it, with a shell's exit code.
void SendNotExecuted(ExecStream& stream, const ExecOptions& options, int error) {
  const std::string& program = options.argv.empty() ? options.user.shell : options.argv[0];
  v1::ExecResponse response;
  response.mutable_output()->set_stderr(
      absl::StrCat("banger: ", program, ": ", WhyNotExecuted(error, IsThere(program, options.env)), "\n"));
  stream.Send(std::move(response));
  SendExit(stream,
           {.exit_code = error == ENOENT || error == ENOTDIR ? kNotFound : kCannotExecute, .signal = 0});
}

ExecSession::Sink SinkTo(ExecStream& stream) {
  return {.out =
              [&stream](absl::string_view bytes) {
                v1::ExecResponse response;
                response.mutable_output()->set_stdout(bytes.data(), bytes.size());
                return stream.Send(std::move(response));
              },
          .err =
              [&stream](absl::string_view bytes) {
                v1::ExecResponse response;
                response.mutable_output()->set_stderr(bytes.data(), bytes.size());
                return stream.Send(std::move(response));
              }};
}

void PassOn(const Input& input, ExecSession& session) {
  switch (input.kind_case()) {
    case Input::kStdin:
      return session.AddInput(input.stdin());
    case Input::kStdinClosed:
      return session.CloseInput();
    case Input::kWindowSize:
      return session.Resize(FromProto(input.window_size()));
    case Input::kSignal:
      return session.Signal(input.signal());
    default:
      return;
  }
}

}  // namespace

absl::Status RunExec(const std::stop_token& stop, const ExecDefaults& image, ExecStream& stream) {
  const std::optional<v1::ExecRequest> first = stream.Read();
  if (!first.has_value() || !first->input().has_command()) return NoCommand();
  const Command& command = first->input().command();
  BANGER_ASSIGN_OR_RETURN(const ExecOptions options, ChooseExecOptions(command, image));
  absl::StatusOr<ExecProcess> process = ExecProcess::Start(options);
  if (!process.ok()) return CommandRefused(process.status());
  if (process->exec_error() != 0) {
    SendNotExecuted(stream, options, process->exec_error());
    return absl::OkStatus();
  }
  v1::ExecResponse started;
  started.mutable_output()->mutable_started()->set_pid(process->pid());
  stream.Send(std::move(started));

  BANGER_ASSIGN_OR_RETURN(const auto session, ExecSession::Create(*std::move(process), SinkTo(stream)));
  const std::stop_callback cancel(stop, [&session] { session->Cancel(); });
  if (!command.stdin()) session->CloseInput();
  std::thread reader([&stream, &session] {
    while (const std::optional<v1::ExecRequest> request = stream.Read()) PassOn(request->input(), *session);
    session->CloseInput();
  });
  const std::optional<ExecResult> result = session->Run();
  stream.StopReading();
  reader.join();
  if (!result.has_value()) return absl::CancelledError("the caller left before the command ended");
  SendExit(stream, *result);
  return absl::OkStatus();
}

}  // namespace banger::agent
