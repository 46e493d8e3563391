#include "services/kerneld/adapters/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::kerneld {

absl::StatusOr<MappedFile> MappedFile::Open(const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY | O_NOFOLLOW));
  struct stat info {};
  if (::fstat(fd.get(), &info) < 0) return ErrnoError(errno, absl::StrCat("stat '", path.string(), "'"));
  if (!S_ISREG(info.st_mode))
    return absl::InvalidArgumentError(absl::StrCat("'", path.string(), "' is no regular file"));
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return MappedFile(absl::string_view());
  void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (start == MAP_FAILED) return ErrnoError(errno, absl::StrCat("map '", path.string(), "'"));
  return MappedFile(absl::string_view(static_cast<const char*>(start), size));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace banger::kerneld
