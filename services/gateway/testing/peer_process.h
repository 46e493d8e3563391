// A vmd or a client as a process of its own: testing/peer.cc.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"

namespace banger::gateway {

// Goes with the object.
struct PeerProcess {
  // It is "ready" when this returns.
  static absl::StatusOr<PeerProcess> Start(const std::string& what, const std::filesystem::path& socket) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return absl::InternalError("pipe");
    const UniqueFd child_in(in[0]);
    UniqueFd our_in(in[1]);
    UniqueFd our_out(out[0]);
    UniqueFd child_out(out[1]);
    auto process = Subprocess::Start({.argv = {GATEWAY_TEST_PEER, what, socket.string()},
                                      .stdin_fd = child_in.get(),
                                      .stdout_fd = child_out.get()});
    if (!process.ok()) return process.status();
    child_out.Reset();
    PeerProcess peer{*std::move(process), std::move(our_in), std::move(our_out)};
    if (!peer.Says("ready")) return absl::InternalError(what + " did not start");
    return peer;
  }

  // Until it says so.
  bool Says(const std::string& word) const {
    std::string line(word.size() + 1, '\0');
    const absl::StatusOr<std::size_t> n = ReadFully(stdout_end.get(), line.data(), line.size());
    return n.ok() && line == absl::StrCat(word, "\n");
  }

  Subprocess process;
  UniqueFd stdin_end;
  UniqueFd stdout_end;
};

}  // namespace banger::gateway
