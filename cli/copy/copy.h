// Files and directories between this machine and a guest, by the rules of
// common/tree/tree_receiver.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "cli/client.h"
#include "cli/upload/upload.h"
#include "cli/wake.h"

namespace banger::cli {

struct CopyOptions {
  std::string what;  // for progress
  std::string user;
  bool keep_owners = false;
};

struct Copied {
  std::int64_t files = 0;
  std::int64_t bytes = 0;
  std::vector<std::string> warnings;  // may hold what a guest says
};

// `source` "-" is a tar on stdin.
absl::StatusOr<Copied> CopyToGuest(Client& client, const std::string& source, const std::string& vm,
                                   const std::string& path, const CopyOptions& options);

// `destination` "-" is a tar on stdout.
absl::StatusOr<Copied> CopyFromGuest(Client& client, const std::string& vm, const std::string& path,
                                     const std::string& destination, const CopyOptions& options);

// Streams the tar that `produce` gives to where `first` says.
absl::StatusOr<Copied> SendTree(Client& client, const vm::v1::WriteVmTreeRequest& first,
                                const std::function<absl::Status(const Sink&, const Wake&)>& produce,
                                const std::string& what);

// What SRC is called where it goes; empty for what is in a directory: "DIR/.", ".",
// "..", "/" and, of a guest, nothing (the home directory).
std::string NameOfSource(const std::string& source);

}  // namespace banger::cli
