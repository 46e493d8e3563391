#include "common/digest/sparse_sha256.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

constexpr std::int64_t kBlock = 4096;
constexpr std::int64_t kChunk = 1 << 20;

void Add(Sha256& digest, std::int64_t number) {
  const std::uint64_t little = htole64(static_cast<std::uint64_t>(number));
  digest.Update(absl::string_view(reinterpret_cast<const char*>(&little), sizeof little));
}

void AddBlocks(Sha256& digest, std::int64_t offset, absl::string_view data) {
  static constexpr char kZeros[kBlock] = {};
  for (; !data.empty(); offset += kBlock) {
    const absl::string_view block = data.substr(0, kBlock);
    data.remove_prefix(block.size());
    if (std::memcmp(block.data(), kZeros, block.size()) == 0) continue;
    Add(digest, offset);
    digest.Update(block);
  }
}

}  // namespace

absl::StatusOr<std::string> SparseSha256OfFile(const std::filesystem::path& path,
                                               const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  const auto failed = [&path] { return ErrnoError(errno, absl::StrCat("read '", path.string(), "'")); };
  struct stat info {};
  if (::fstat(fd.get(), &info) < 0) return failed();
  Sha256 digest;
  std::vector<char> buffer(kChunk);
  for (std::int64_t offset = 0; offset < info.st_size;) {
    if (stop.stop_requested())
      return absl::CancelledError(absl::StrCat("stopped reading '", path.string(), "'"));
    const off_t data = ::lseek(fd.get(), offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) return failed();
    offset = std::max(offset, data - data % kBlock);
    const ssize_t n = ::pread(fd.get(), buffer.data(), buffer.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed();
    if (n == 0) break;  // it became shorter
    // Whole blocks, until the end of the file.
    const bool at_end = offset + n >= info.st_size;
    const std::int64_t whole = at_end ? n : n - n % kBlock;
    if (whole == 0) return absl::DataLossError(absl::StrCat("read '", path.string(), "': it stops short"));
    AddBlocks(digest, offset, absl::string_view(buffer.data(), static_cast<std::size_t>(whole)));
    offset += whole;
  }
  Add(digest, info.st_size);
  return digest.HexDigest();
}

}  // namespace banger
