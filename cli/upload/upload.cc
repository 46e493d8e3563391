#include "cli/upload/upload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

constexpr std::size_t kBeginning = 1 << 20;
constexpr std::size_t kChunk = 256 << 10;

absl::Status ReadError(const std::string& source) {
  return ErrnoError(errno, absl::StrCat("read '", source, "'"));
}

}  // namespace

absl::StatusOr<Upload> Upload::Open(const std::string& path) {
  if (path == "-" && ::isatty(STDIN_FILENO) == 1)
    return UsageError("stdin is a terminal: give a pipe or a file");
  Upload upload;
  upload.source_ = path == "-" ? "stdin" : std::filesystem::path(path).filename().string();
  if (path == "-") {
    upload.fd_ = UniqueFd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!upload.fd_.valid()) return ReadError(upload.source_);
  } else {
    BANGER_ASSIGN_OR_RETURN(upload.fd_, OpenFile(path, O_RDONLY));
  }
  struct stat info {};
  if (::fstat(upload.fd_.get(), &info) < 0) return ReadError(upload.source_);
  if (S_ISREG(info.st_mode)) upload.total_bytes_ = info.st_size;
  return upload;
}

absl::StatusOr<Upload> Upload::OfStdin() { return Open("-"); }

absl::StatusOr<Upload> Upload::OfFile(const std::string& path) {
  BANGER_ASSIGN_OR_RETURN(Upload upload, Open(path));
  upload.beginning_.resize(kBeginning);
  const absl::StatusOr<std::size_t> n = ReadFully(upload.fd_.get(), upload.beginning_.data(), kBeginning);
  if (!n.ok()) return Annotate(n.status(), absl::StrCat("'", path, "'"));
  upload.beginning_.resize(*n);
  upload.has_all_ = *n < kBeginning;
  return upload;
}

Upload Upload::OfDirectory(const std::filesystem::path& directory, std::vector<std::string> members) {
  std::vector<PackedMember> packed;
  for (std::string& name : members) packed.push_back({directory / name, std::move(name)});
  // "dir/" has an empty filename.
  const std::filesystem::path plain = directory.has_filename() ? directory : directory.parent_path();
  return OfMembers(plain.filename().string(), std::move(packed));
}

Upload Upload::OfMembers(const std::string& source, std::vector<PackedMember> members) {
  Upload upload;
  upload.members_ = std::move(members);
  upload.source_ = source;
  return upload;
}

absl::Status Upload::Produce(const Sink& sink, const Wake& wake) const {
  return fd_.valid() ? SendFile(sink, wake) : Pack(members_, sink);
}

absl::Status Upload::SendFile(const Sink& sink, const Wake& wake) const {
  for (std::size_t at = 0; at < beginning_.size(); at += kChunk)
    BANGER_RETURN_IF_ERROR(sink(absl::string_view(beginning_).substr(at, kChunk)));
  if (has_all_) return absl::OkStatus();
  std::string buffer(kChunk, '\0');
  for (;;) {
    if (!wake.WaitReadable(fd_.get())) return absl::CancelledError("interrupted");
    const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return ReadError(source_);
    if (n == 0) return absl::OkStatus();
    BANGER_RETURN_IF_ERROR(sink(absl::string_view(buffer).substr(0, static_cast<std::size_t>(n))));
  }
}

}  // namespace banger::cli
