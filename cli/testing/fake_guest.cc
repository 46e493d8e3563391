#include "cli/testing/fake_guest.h"

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/names.h"
#include "common/os/subprocess.h"

namespace banger::cli {
namespace {

using vm::v1::ExecVmRequest;
using vm::v1::ExecVmResponse;
using Stream = grpc::ServerReaderWriter<ExecVmResponse, ExecVmRequest>;

void SendStdout(Stream& stream, const std::string& data) {
  ExecVmResponse response;
  response.mutable_output()->set_stdout(data);
  stream.Write(response);
}

grpc::Status Exit(Stream& stream, int code) {
  ExecVmResponse response;
  response.mutable_output()->mutable_exited()->set_exit_code(code);
  stream.Write(response);
  return grpc::Status::OK;
}

grpc::Status Cat(Stream& stream) {
  ExecVmRequest request;
  while (stream.Read(&request) && !request.input().stdin_closed())
    SendStdout(stream, request.input().stdin());
  return Exit(stream, 0);
}

grpc::Status Big(Stream& stream, int mebibytes) {
  constexpr std::size_t kChunk = 64 << 10;
  std::string chunk(kChunk, '\0');
  for (std::size_t at = 0; at < static_cast<std::size_t>(mebibytes) << 20; at += kChunk) {
    for (std::size_t i = 0; i < kChunk; ++i) chunk[i] = static_cast<char>((at + i) % 251);
    SendStdout(stream, chunk);
  }
  return Exit(stream, 0);
}

grpc::Status Both(Stream& stream) {
  SendStdout(stream, "to stdout\n");
  ExecVmResponse response;
  response.mutable_output()->set_stderr("to stderr\n");
  stream.Write(response);
  return Exit(stream, 0);
}

grpc::Status AwaitSignal(FakeState& state, Stream& stream, bool stubborn) {
  ExecVmRequest request;
  state.Record("waiting");
  while (stream.Read(&request)) {
    if (request.input().kind_case() != exec::v1::Input::kSignal) continue;
    state.Record(absl::StrCat("signal ", request.input().signal()));
    if (!stubborn) return Exit(stream, 128 + request.input().signal());
  }
  return grpc::Status::CANCELLED;
}

grpc::Status Shell(FakeState& state, Stream& stream) {
  ExecVmRequest request;
  SendStdout(stream, "guest$ ");
  while (stream.Read(&request)) {
    const exec::v1::Input& input = request.input();
    if (input.has_window_size())
      state.Record(absl::StrCat("size ", input.window_size().columns(), "x", input.window_size().rows()));
    if (input.stdin_closed() || input.stdin() == "q") return Exit(stream, 5);
    if (!input.stdin().empty()) state.Record(absl::StrCat("key ", static_cast<int>(input.stdin()[0])));
  }
  return grpc::Status::CANCELLED;
}

// A path of the guest's, in the directory that stands for its files.
std::string Here(const FakeState& state, const std::string& path) {
  return path.starts_with("/root/") ? state.guest_root.string() + path : path;
}

// git, and what goes with it, of this machine on the guest's files.
grpc::Status RunHere(const FakeState& state, Stream& stream) {
  if (!state.guest_has_git || state.guest_root.empty()) return Exit(stream, 127);
  Subprocess::Options options;
  for (const std::string& word : state.command.argv()) options.argv.push_back(Here(state, word));
  options.env = std::vector<std::string>(state.command.env().begin(), state.command.env().end());
  options.env->insert(options.env->end(), {"PATH=/usr/bin:/bin", "HOME=/nonexistent"});
  const auto result = RunCommand(options);
  if (!result.ok()) return grpc::Status(grpc::StatusCode::INTERNAL, std::string(result.status().message()));
  for (std::size_t at = 0; at < result->out.size(); at += 64 << 10)
    SendStdout(stream, result->out.substr(at, 64 << 10));
  ExecVmResponse response;
  response.mutable_output()->set_stderr(result->err);
  stream.Write(response);
  return Exit(stream, result->status.code);
}

// What would install tools writes outside of a repository.
grpc::Status InstallTools(FakeState& state, Stream& stream) {
  state.Record(absl::StrCat("tools in ", state.command.working_dir()));
  return Exit(stream, state.tools_exit_code);
}

}  // namespace

grpc::Status RunFakeGuest(FakeState& state, Stream& stream) {
  ExecVmRequest first;
  if (!stream.Read(&first)) return grpc::Status::CANCELLED;
  state.command = first.input().command();
  state.Record(absl::StrCat("exec in ", IdOf(first.name())));
  const std::string program = state.command.argv_size() > 0 ? state.command.argv(0) : "";
  const int number = state.command.argv_size() > 1 ? std::atoi(state.command.argv(1).c_str()) : 0;
  if (program == "sh" && absl::StrContains(state.command.argv(2), "mise")) return InstallTools(state, stream);
  if (program == "git" || program == "rm" || program == "sh") return RunHere(state, stream);
  if (program == "cat") return Cat(stream);
  if (program == "big") return Big(stream, number);
  if (program == "both") return Both(stream);
  if (program == "trap" || program == "stubborn") return AwaitSignal(state, stream, program == "stubborn");
  if (program.empty() && state.command.entrypoint()) return Exit(stream, 6);
  if (program.empty()) return Shell(state, stream);
  return Exit(stream, number);
}

}  // namespace banger::cli
