#include "cli/remote/contexts.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/config/paths.h"
#include "common/os/file.h"
#include "common/os/file_lock.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFile = 1 << 20;

absl::StatusOr<std::filesystem::path> ContextsFile() {
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path dir, FindClientDir());
  return dir / "contexts.json";
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

absl::StatusOr<Contexts> Parse(const std::string& text, const std::filesystem::path& file) {
  Contexts contexts;
  const json document = json::parse(text, nullptr, false);
  try {
    contexts.current = document.at("current").get<std::string>();
    for (const json& entry : document.at("contexts"))
      contexts.remotes.push_back({.name = entry.at("name").get<std::string>(),
                                  .address = entry.at("address").get<std::string>(),
                                  .ca = entry.at("ca").get<std::string>(),
                                  .cert = entry.at("cert").get<std::string>(),
                                  .key = entry.at("key").get<std::string>()});
  } catch (const json::exception&) {
    return absl::DataLossError(
        absl::StrCat("'", file.string(), "' is not as 'banger context' writes it: remove it"));
  }
  return contexts;
}

std::string Text(const Contexts& contexts) {
  json entries = json::array();
  for (const RemoteContext& remote : contexts.remotes)
    entries.push_back({{"name", remote.name},
                       {"address", remote.address},
                       {"ca", remote.ca},
                       {"cert", remote.cert},
                       {"key", remote.key}});
  return json{{"current", contexts.current}, {"contexts", entries}}.dump(2) + "\n";
}

}  // namespace

const RemoteContext* Contexts::Find(const std::string& name) const {
  const auto found = std::find_if(remotes.begin(), remotes.end(),
                                  [&](const RemoteContext& remote) { return remote.name == name; });
  return found != remotes.end() ? &*found : nullptr;
}

absl::StatusOr<Contexts> LoadContexts() {
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path file, ContextsFile());
  const absl::StatusOr<std::string> text = ReadFile(file, kMaxFile);
  if (absl::IsNotFound(text.status())) return Contexts();
  if (!text.ok()) return text.status();
  return Parse(*text, file);
}

absl::Status UpdateContexts(const std::function<absl::Status(Contexts&)>& change) {
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path file, ContextsFile());
  BANGER_RETURN_IF_ERROR(MakeDirectories(file.parent_path(), 0700));
  BANGER_ASSIGN_OR_RETURN(const FileLock lock, FileLock::AcquireSoon(file.string() + ".lock"));
  BANGER_ASSIGN_OR_RETURN(Contexts contexts, LoadContexts());
  BANGER_RETURN_IF_ERROR(change(contexts));
  std::sort(contexts.remotes.begin(), contexts.remotes.end(),
            [](const RemoteContext& a, const RemoteContext& b) { return a.name < b.name; });
  return WriteFileAtomically(file, Text(contexts), 0600);
}

absl::StatusOr<std::optional<RemoteContext>> ChosenContext() {
  std::string name = Environment("BANGER_CONTEXT");
  if (name.empty() && !Environment("BANGER_SOCKET").empty()) return std::nullopt;
  if (name == kLocalContext) return std::nullopt;
  BANGER_ASSIGN_OR_RETURN(const Contexts contexts, LoadContexts());
  if (name.empty()) name = contexts.current;
  if (name == kLocalContext) return std::nullopt;
  const RemoteContext* found = contexts.Find(name);
  if (found == nullptr) return ContextNotFound(name);
  return *found;
}

void ChooseContext(const std::string& name) { ::setenv("BANGER_CONTEXT", name.c_str(), 1); }

absl::Status ContextNotFound(const std::string& name) {
  return ApiError(absl::StatusCode::kNotFound, "CONTEXT_NOT_FOUND",
                  absl::StrCat("context '", name, "' not found"), {{"context", name}});
}

}  // namespace banger::cli
