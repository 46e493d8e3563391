#include "cli/system/links.h"

#include <regex>
#include <string>
#include <system_error>

#include "common/os/file.h"

namespace banger::cli {

bool HasLinksOfNetd(const std::filesystem::path& interfaces) {
  static const std::regex mark("banger:[^:]*:/run/banger-netd[:\n][^]*");
  std::error_code error;
  for (std::filesystem::directory_iterator link(interfaces, error), end; !error && link != end;
       link.increment(error))
    if (std::regex_match(ReadFile(link->path() / "ifalias").value_or(""), mark)) return true;
  return false;
}

}  // namespace banger::cli
