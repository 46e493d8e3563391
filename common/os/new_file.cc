#include "common/os/new_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {

absl::StatusOr<NewFile> NewFile::Create(const std::filesystem::path& path) {
  std::string temporary = absl::StrCat(path.string(), ".XXXXXX");
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("create '", temporary, "'"));
  return NewFile(path, std::move(temporary), std::move(fd));
}

NewFile::~NewFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

absl::Status NewFile::Write(absl::string_view bytes) {
  return Annotate(WriteFully(fd_.get(), bytes), absl::StrCat("write '", path_.string(), "'"));
}

absl::Status NewFile::Finish(unsigned mode) {
  if (::fchmod(fd_.get(), mode) != 0) return ErrnoError(errno, absl::StrCat("chmod '", temporary_, "'"));
  if (::fsync(fd_.get()) != 0) return ErrnoError(errno, absl::StrCat("fsync '", temporary_, "'"));
  BANGER_RETURN_IF_ERROR(RenameDurably(temporary_, path_));
  temporary_.clear();
  return absl::OkStatus();
}

}  // namespace banger
