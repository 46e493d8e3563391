// What this build is, for `--version`, the daemons' API and logs.
#pragma once

namespace banger {

struct BuildInfo {
  const char* version;  // "0.1.0"
  const char* commit;   // short git hash, or "unknown"
  const char* time;     // of the commit, RFC 3339, or "unknown"
};

const BuildInfo& GetBuildInfo();

}  // namespace banger
