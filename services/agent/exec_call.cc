#include "services/agent/exec_call.h"

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "services/agent/adapters/exec_session.h"
#include "services/agent/errors.h"

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

std::string ReadOrEmpty(const char* path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  return text.ok() ? *std::move(text) : "";
}

absl::StatusOr<ExecOptions> ToOptions(const Command& command, const Environment& image_env) {
  ExecOptions options;
  BANGER_ASSIGN_OR_RETURN(options.user,
                          ResolveUser(command.user(), ReadOrEmpty("/etc/passwd"), ReadOrEmpty("/etc/group")));
  options.argv.assign(command.argv().begin(), command.argv().end());
  const Environment env(command.env().begin(), command.env().end());
  BANGER_RETURN_IF_ERROR(CheckEnvironment(env));
  options.env = MergeEnvironment(options.user, command.tty(), image_env, env);
  options.working_dir = command.working_dir();
  options.tty = command.tty();
  if (command.has_window_size()) options.size = FromProto(command.window_size());
  return options;
}

void SendExit(ExecStream& stream, const ExecResult& result) {
  v1::ExecResponse response;
  auto* exited = response.mutable_output()->mutable_exited();
  exited->set_exit_code(result.exit_code);
  exited->set_signal(result.signal);
  stream.Send(std::move(response));
}

// As a shell puts it, with a shell's exit code.
void SendNotExecuted(ExecStream& stream, const std::string& program, int error) {
  v1::ExecResponse response;
  const char* why = error == ENOENT ? "not found" : std::strerror(error);
  response.mutable_output()->set_stderr(absl::StrCat("banger: ", program, ": ", why, "\n"));
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

absl::Status RunExec(const std::stop_token& stop, const Environment& image_env, ExecStream& stream) {
  const std::optional<v1::ExecRequest> first = stream.Read();
  if (!first.has_value() || !first->input().has_command()) return NoCommand();
  const Command& command = first->input().command();
  const absl::StatusOr<ExecOptions> options = ToOptions(command, image_env);
  if (!options.ok()) return CommandRefused(options.status());
  absl::StatusOr<ExecProcess> process = ExecProcess::Start(*options);
  if (!process.ok()) return CommandRefused(process.status());
  if (process->exec_error() != 0) {
    const std::string& program = options->argv.empty() ? options->user.shell : options->argv[0];
    SendNotExecuted(stream, program, process->exec_error());
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
