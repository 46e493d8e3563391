#include "services/vmd/adapters/console_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace {

constexpr std::int64_t kTail = 64 << 10;
constexpr std::int64_t kBlock = 4096;

absl::StatusOr<struct stat> Stat(int fd, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) < 0) return ErrnoError(errno, absl::StrCat("stat '", path.string(), "'"));
  return info;
}

// What stands in the file between two offsets.
std::string ReadRange(int fd, std::int64_t begin, std::int64_t end) {
  std::string text(static_cast<std::size_t>(std::max<std::int64_t>(end - begin, 0)), '\0');
  const ssize_t n = ::pread(fd, text.data(), text.size(), begin);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

// The last 64 KiB after `begin`, as printable lines.
std::vector<std::string> TailLines(const std::filesystem::path& path, std::int64_t begin) {
  const absl::StatusOr<UniqueFd> fd = OpenFile(path, O_RDONLY);
  if (!fd.ok()) return {};
  const std::int64_t size = ConsoleSize(path);
  std::string text = ReadRange(fd->get(), std::max(begin, size - kTail), size);
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return c != '\n' && !absl::ascii_isprint(static_cast<unsigned char>(c)); }, ' ');
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(text, '\n'))
    if (const absl::string_view stripped = absl::StripAsciiWhitespace(line); !stripped.empty())
      lines.emplace_back(stripped.substr(0, 300));
  return lines;
}

}  // namespace

absl::Status CapConsoleLog(const std::filesystem::path& path) {
  absl::StatusOr<UniqueFd> fd = OpenFile(path, O_RDWR);
  if (absl::IsNotFound(fd.status())) return absl::OkStatus();
  if (!fd.ok()) return fd.status();
  BANGER_ASSIGN_OR_RETURN(const struct stat info, Stat(fd->get(), path));
  if (info.st_blocks * 512 <= kConsoleMax) return absl::OkStatus();
  const std::int64_t end = (info.st_size - kConsoleKeep) / kBlock * kBlock;
  if (::fallocate(fd->get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, end) == 0)
    return absl::OkStatus();
  if (errno != EOPNOTSUPP) return ErrnoError(errno, absl::StrCat("shorten '", path.string(), "'"));
  // A file system without holes: begin anew. QEMU writes at the end, wherever that is.
  if (::ftruncate(fd->get(), 0) < 0) return ErrnoError(errno, absl::StrCat("truncate '", path.string(), "'"));
  return absl::OkStatus();
}

std::int64_t ConsoleSize(const std::filesystem::path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

absl::StatusOr<ConsoleLogReader> ConsoleLogReader::Open(const std::filesystem::path& path,
                                                        std::int64_t tail_lines) {
  absl::StatusOr<UniqueFd> fd = OpenFile(path, O_RDONLY);
  if (!fd.ok() && !absl::IsNotFound(fd.status())) return fd.status();
  ConsoleLogReader reader(fd.ok() ? *std::move(fd) : UniqueFd(), path);
  BANGER_RETURN_IF_ERROR(tail_lines > 0 ? reader.SeekToTail(tail_lines) : reader.SkipHole());
  return reader;
}

// After a hole the first line is broken: begin with the next.
absl::Status ConsoleLogReader::SkipHole() {
  if (!fd_.valid()) return absl::OkStatus();
  const off_t data = ::lseek(fd_.get(), offset_, SEEK_DATA);
  if (data < 0 || data <= offset_) return absl::OkStatus();
  offset_ = data;
  const std::string text = ReadRange(fd_.get(), offset_, offset_ + kTail);
  if (const std::size_t newline = text.find('\n'); newline != std::string::npos)
    offset_ += static_cast<std::int64_t>(newline) + 1;
  return absl::OkStatus();
}

absl::Status ConsoleLogReader::SeekToTail(std::int64_t lines) {
  BANGER_RETURN_IF_ERROR(SkipHole());
  if (!fd_.valid()) return absl::OkStatus();
  BANGER_ASSIGN_OR_RETURN(const struct stat info, Stat(fd_.get(), path_));
  const std::int64_t first = offset_;
  std::int64_t end = info.st_size;
  // The newline that ends the last line does not begin another one.
  std::int64_t wanted = lines + (ReadRange(fd_.get(), end - 1, end) == "\n" ? 1 : 0);
  while (end > first) {
    const std::int64_t begin = std::max(first, end - kTail);
    const std::string text = ReadRange(fd_.get(), begin, end);
    for (std::size_t at = text.size(); at > 0; --at) {
      if (text[at - 1] != '\n' || --wanted > 0) continue;
      offset_ = begin + static_cast<std::int64_t>(at);
      return absl::OkStatus();
    }
    end = begin;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ConsoleLogReader::Read(std::size_t max) {
  if (!fd_.valid()) {
    absl::StatusOr<UniqueFd> fd = OpenFile(path_, O_RDONLY);
    if (absl::IsNotFound(fd.status())) return std::string();
    if (!fd.ok()) return fd.status();
    fd_ = *std::move(fd);
  }
  BANGER_ASSIGN_OR_RETURN(const struct stat info, Stat(fd_.get(), path_));
  if (info.st_size < offset_) offset_ = 0;  // begun anew
  if (info.st_size == offset_) return std::string();
  // A reader slower than the guest finds itself in a hole.
  BANGER_RETURN_IF_ERROR(SkipHole());
  std::string data(max, '\0');
  const ssize_t n = ::pread(fd_.get(), data.data(), data.size(), offset_);
  if (n < 0) return ErrnoError(errno, absl::StrCat("read '", path_.string(), "'"));
  data.resize(static_cast<std::size_t>(n));
  offset_ += n;
  return data;
}

std::string FindPanic(const std::filesystem::path& path, std::int64_t begin) {
  for (const std::string& line : TailLines(path, begin))
    if (line.find("Kernel panic - not syncing") != std::string::npos) return line;
  return "";
}

std::string LastConsoleLine(const std::filesystem::path& path, std::int64_t begin) {
  const std::vector<std::string> lines = TailLines(path, begin);
  return lines.empty() ? "" : lines.back();
}

}  // namespace banger::vmd
