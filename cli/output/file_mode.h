#pragma once

#include <sys/stat.h>

namespace banger::cli {

// Of a file that the user asked for: what the umask leaves. While no thread makes files.
inline mode_t NewFileMode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

}  // namespace banger::cli
