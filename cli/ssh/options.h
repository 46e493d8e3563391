// How ssh reaches VMs, as ssh_config(5) has it.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace banger::cli {

using SshOptions = std::vector<std::pair<std::string, std::string>>;

// Keyword and value, quoted as both a configuration file and "-o KEYWORD=VALUE" want it.
// `proxy_host` is what the proxy is told to connect to: "web.vm", or "%h". Makes the key
// if there is none.
absl::StatusOr<SshOptions> MakeSshOptions(const std::string& proxy_host);

// "Host *.vm" and its options, one a line.
std::string SshConfigText(const SshOptions& options);

// The parts, for tests. `environment` is NAME=VALUE. INVALID_ARGUMENT for what ssh's
// configuration cannot say.
absl::StatusOr<std::string> QuotePath(const std::filesystem::path& path);
absl::StatusOr<std::string> ProxyCommand(const std::vector<std::string>& environment,
                                         const std::filesystem::path& banger, const std::string& host);

}  // namespace banger::cli
