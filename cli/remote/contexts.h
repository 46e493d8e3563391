// Gateways on other hosts that this user knows, as `banger context` keeps them in
// <client dir>/contexts.json. "local" is this host's own and needs no entry.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banger::cli {

inline constexpr char kLocalContext[] = "local";

struct RemoteContext {
  std::string name;
  std::string address;  // "HOST:PORT"
  // Absolute paths of PEM files: the authority of the gateway, and our own.
  std::string ca;
  std::string cert;
  std::string key;
};

struct Contexts {
  std::string current = kLocalContext;
  std::vector<RemoteContext> remotes;  // by name

  const RemoteContext* Find(const std::string& name) const;
};

absl::StatusOr<Contexts> LoadContexts();

// Loads, changes and stores them, one process at a time. An error of `change` stores
// nothing.
absl::Status UpdateContexts(const std::function<absl::Status(Contexts&)>& change);

// The one that this run speaks to, empty for this host's: --context or BANGER_CONTEXT,
// else this host's when BANGER_SOCKET is set, else the current one. NOT_FOUND for one
// that is not there.
absl::StatusOr<std::optional<RemoteContext>> ChosenContext();

// What --context says, for this process and those that it starts (ssh's proxy).
void ChooseContext(const std::string& name);

absl::Status ContextNotFound(const std::string& name);

}  // namespace banger::cli
