#include "services/imaged/adapters/cache/blob_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/oci/digest.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::imaged {
namespace fs = std::filesystem;
namespace {

constexpr char kBlobs[] = "blobs";
constexpr char kPartial[] = "partial";
constexpr std::array kAlgorithms = {"sha256", "sha512"};

fs::path PathOf(const fs::path& directory, const std::string& digest) {
  return directory / oci::DigestAlgorithm(digest) / oci::DigestHex(digest);
}

}  // namespace

absl::StatusOr<BlobFiles> BlobFiles::Open(fs::path directory) {
  for (const char* const kind : {kBlobs, kPartial})
    for (const char* const algorithm : kAlgorithms)
      BANGER_RETURN_IF_ERROR(MakeDirectories(directory / kind / algorithm));
  return BlobFiles(std::move(directory));
}

fs::path BlobFiles::Whole(const std::string& digest) const { return PathOf(directory_ / kBlobs, digest); }
fs::path BlobFiles::Partial(const std::string& digest) const { return PathOf(directory_ / kPartial, digest); }

absl::Status BlobFiles::Publish(const std::string& digest, int fd) const {
  const fs::path partial = Partial(digest);
  if (::fchmod(fd, 0444) != 0 || ::fsync(fd) != 0)
    return ErrnoError(errno, absl::StrCat("flush '", partial.string(), "'"));
  return RenameDurably(partial, Whole(digest));
}

void BlobFiles::Touch(const std::string& digest) const {
  ::utimensat(AT_FDCWD, Whole(digest).c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
}

absl::StatusOr<std::vector<BlobFiles::File>> BlobFiles::List() const {
  std::vector<File> files;
  for (const char* const kind : {kBlobs, kPartial}) {
    for (const char* const algorithm : kAlgorithms) {
      std::error_code error;
      fs::directory_iterator it(directory_ / kind / algorithm, error);
      for (; !error && it != fs::directory_iterator(); it.increment(error)) {
        File file{.digest = absl::StrCat(algorithm, ":", it->path().filename().string()), .path = it->path()};
        struct stat info {};
        if (!oci::IsDigest(file.digest) || ::lstat(file.path.c_str(), &info) != 0) continue;
        file.bytes = info.st_size;
        file.used = info.st_mtim;
        files.push_back(std::move(file));
      }
      if (error) return ErrnoError(error.value(), absl::StrCat("list '", directory_.string(), "'"));
    }
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) {
    return std::tie(a.used.tv_sec, a.used.tv_nsec) < std::tie(b.used.tv_sec, b.used.tv_nsec);
  });
  return files;
}

}  // namespace banger::imaged
