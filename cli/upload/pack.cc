#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "cli/upload/upload.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

struct FreeWriter {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

// Writes files and trees as a pax tar into a sink.
class Packer {
 public:
  explicit Packer(const Sink& sink) : sink_(sink), writer_(archive_write_new()) {}

  absl::Status Open() {
    archive_write_set_format_pax_restricted(writer_.get());
    archive_write_set_bytes_per_block(writer_.get(), 256 << 10);
    archive_write_set_bytes_in_last_block(writer_.get(), 512);
    return Check(archive_write_open2(writer_.get(), this, nullptr, Write, nullptr, nullptr), "begin the tar");
  }

  absl::Status Close() { return Check(archive_write_close(writer_.get()), "end the tar"); }

  // What is at the path, under that name, and, for a directory, all below it.
  absl::Status Add(const fs::path& path, const fs::path& name) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) < 0) return PathError("stat", path);
    if (S_ISREG(info.st_mode)) return AddFile(path, name);
    if (!S_ISDIR(info.st_mode) && !S_ISLNK(info.st_mode)) return absl::OkStatus();  // sockets, fifos, devices
    BANGER_RETURN_IF_ERROR(AddHeader(path, name, info));
    return S_ISDIR(info.st_mode) ? AddChildren(path, name) : absl::OkStatus();
  }

 private:
  static la_ssize_t Write(archive*, void* self, const void* data, std::size_t size) {
    auto* packer = static_cast<Packer*>(self);
    packer->sink_status_ = packer->sink_(absl::string_view(static_cast<const char*>(data), size));
    return packer->sink_status_.ok() ? static_cast<la_ssize_t>(size) : -1;
  }

  static absl::Status PathError(const char* what, const fs::path& path) {
    return ErrnoError(errno, absl::StrCat(what, " '", path.string(), "'"));
  }

  absl::Status Check(int result, const char* what) {
    if (!sink_status_.ok()) return sink_status_;
    if (result >= ARCHIVE_WARN) return absl::OkStatus();
    const char* message = archive_error_string(writer_.get());
    return absl::InternalError(absl::StrCat(what, ": ", message != nullptr ? message : "unknown error"));
  }

  absl::Status AddHeader(const fs::path& path, const fs::path& name, const struct stat& info) {
    const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
    archive_entry_copy_stat(entry.get(), &info);
    archive_entry_set_nlink(entry.get(), 1);
    archive_entry_copy_pathname(entry.get(), name.c_str());
    if (S_ISLNK(info.st_mode)) {
      std::error_code error;
      const fs::path target = fs::read_symlink(path, error);
      if (error) return ErrnoError(error.value(), absl::StrCat("read link '", path.string(), "'"));
      archive_entry_copy_symlink(entry.get(), target.c_str());
    }
    return Check(archive_write_header(writer_.get(), entry.get()), "pack");
  }

  absl::Status AddFile(const fs::path& path, const fs::path& name) {
    BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY | O_NOFOLLOW));
    struct stat info {};
    if (::fstat(fd.get(), &info) < 0) return PathError("stat", path);
    BANGER_RETURN_IF_ERROR(AddHeader(path, name, info));
    off_t left = info.st_size;
    while (left > 0) {
      const auto want = static_cast<std::size_t>(std::min<off_t>(left, static_cast<off_t>(buffer_.size())));
      BANGER_ASSIGN_OR_RETURN(const std::size_t n, ReadFully(fd.get(), buffer_.data(), want));
      if (n == 0)
        return absl::AbortedError(absl::StrCat("pack '", path.string(), "': it shrank while being read"));
      const la_ssize_t written = archive_write_data(writer_.get(), buffer_.data(), n);
      BANGER_RETURN_IF_ERROR(Check(written < 0 ? ARCHIVE_FATAL : ARCHIVE_OK, "pack"));
      left -= static_cast<off_t>(n);
    }
    return absl::OkStatus();
  }

  absl::Status AddChildren(const fs::path& path, const fs::path& name) {
    std::error_code error;
    fs::directory_iterator it(path, error);
    for (; !error && it != fs::directory_iterator(); it.increment(error))
      BANGER_RETURN_IF_ERROR(Add(it->path(), name / it->path().filename()));
    if (error) return ErrnoError(error.value(), absl::StrCat("list '", path.string(), "'"));
    return absl::OkStatus();
  }

  const Sink& sink_;
  absl::Status sink_status_;
  std::vector<char> buffer_ = std::vector<char>(256 << 10);
  // Last, as its end may still write what it has buffered.
  const std::unique_ptr<archive, FreeWriter> writer_;
};

}  // namespace

absl::Status Pack(const std::vector<PackedMember>& members, const Sink& sink) {
  Packer packer(sink);
  BANGER_RETURN_IF_ERROR(packer.Open());
  for (const PackedMember& member : members) {
    std::error_code error;
    if (fs::symlink_status(member.path, error).type() != fs::file_type::not_found)
      BANGER_RETURN_IF_ERROR(packer.Add(member.path, member.name));
  }
  return packer.Close();
}

}  // namespace banger::cli
