#include "cli/exec/replace.h"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "common/os/exec_vector.h"
#include "common/status/error.h"

namespace banger::cli {

absl::Status ReplaceProcess(const std::filesystem::path& program, const std::vector<std::string>& argv) {
  // As Signals found it.
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  ::execv(program.c_str(), ExecVector(argv).data());
  return ErrnoError(errno, absl::StrCat("run '", program.string(), "'"));
}

}  // namespace banger::cli
