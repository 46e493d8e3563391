#include "services/kerneld/adapters/cpio_writer.h"

#include <sys/stat.h>

#include <cstddef>

#include "absl/strings/str_format.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"

namespace banger::kerneld {
namespace {

std::string Padding(std::size_t size) { return std::string((4 - size % 4) % 4, '\0'); }

}  // namespace

absl::Status CpioWriter::AddDirectory(const std::string& path) { return Add(path, S_IFDIR | 0755, {}); }

absl::Status CpioWriter::AddFile(const std::string& path, absl::string_view content, unsigned mode) {
  return Add(path, S_IFREG | mode, content);
}

absl::Status CpioWriter::AddCharDevice(const std::string& path, unsigned mode, unsigned major,
                                       unsigned minor) {
  return Add(path, S_IFCHR | mode, {}, major, minor);
}

absl::Status CpioWriter::Finish() { return Add("TRAILER!!!", 0, {}); }

// The header: magic, then 13 numbers of 8 hex digits.
absl::Status CpioWriter::Add(const std::string& path, unsigned mode, absl::string_view content,
                             unsigned major, unsigned minor) {
  const unsigned links = S_ISDIR(mode) ? 2 : 1;
  std::string record =
      absl::StrFormat("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", next_inode_++, mode, 0, 0,
                      links, 0, content.size(), 0, 0, major, minor, path.size() + 1, 0);
  record += path;
  record += '\0';
  record += Padding(record.size());
  record.append(content.data(), content.size());
  record += Padding(content.size());
  return WriteFully(fd_, record);
}

}  // namespace banger::kerneld
