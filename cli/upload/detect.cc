#include "cli/upload/detect.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

struct FreeReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

// The names of the first members of a tar, as far as its beginning shows them;
// empty when it is none.
std::vector<std::string> FirstMembers(const std::string& beginning) {
  constexpr std::size_t kEnough = 8;
  const std::unique_ptr<archive, FreeReader> reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_bzip2(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_lzma(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_filter_lz4(reader.get());
  archive_read_support_format_tar(reader.get());
  std::vector<std::string> names;
  if (archive_read_open_memory(reader.get(), beginning.data(), beginning.size()) != ARCHIVE_OK) return names;
  archive_entry* entry = nullptr;
  while (names.size() < kEnough && archive_read_next_header(reader.get(), &entry) >= ARCHIVE_WARN) {
    const char* name = archive_entry_pathname(entry);
    names.emplace_back(name != nullptr ? name : "");
    if (names.back().starts_with("./")) names.back().erase(0, 2);
  }
  return names;
}

bool IsKernelImage(const std::string& beginning) {
  return beginning.starts_with(
             "\x7f"
             "ELF") ||
         beginning.compare(std::min<std::size_t>(0x202, beginning.size()), 4, "HdrS") == 0;
}

// ext2, ext3 and ext4 alike.
bool IsExt4(const std::string& beginning) {
  constexpr std::size_t kMagicAt = 1024 + 0x38;
  return beginning.size() > kMagicAt + 1 && beginning.compare(kMagicAt, 2, "\x53\xef") == 0;
}

bool IsHex(absl::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

// "HEX/", "HEX/layer.tar", "HEX.json", "HEX.tar", "manifest.json", "repositories":
// nothing that begins a root file system.
bool IsDockerMember(const std::string& name) {
  return name == "manifest.json" || name == "repositories" || IsHex(name.substr(0, name.find_first_of("/.")));
}

bool IsBundle(const std::vector<std::string>& members) {
  const auto has = [&members](const char* name) {
    return std::find(members.begin(), members.end(), name) != members.end();
  };
  return has("rootfs.ext4") && (members.size() == 1 || has("manifest.json"));
}

bool IsOciMember(const std::string& name) {
  return name == "oci-layout" || name == "index.json" || name == "blobs" || name.starts_with("blobs/");
}

bool Has(const fs::path& directory, const char* member) {
  std::error_code error;
  return fs::exists(directory / member, error);
}

absl::StatusOr<bool> IsDirectory(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (path == "-") return false;
  if (status.type() == fs::file_type::not_found)
    return absl::NotFoundError(absl::StrCat("open '", path, "': No such file or directory"));
  if (error) return ErrnoError(error.value(), absl::StrCat("open '", path, "'"));
  return status.type() == fs::file_type::directory;
}

absl::Status Unrecognised(const std::string& path, const char* wanted) {
  return absl::InvalidArgumentError(absl::StrCat("'", path, "' is not ", wanted));
}

absl::StatusOr<KernelUpload> OpenKernelDirectory(const fs::path& path) {
  if (Has(path, "vmlinux"))
    return KernelUpload{
        KernelFormat::kBundle,
        Upload::OfDirectory(path, {"manifest.json", "metadata.json", "vmlinux", "initrd.img", "modules"})};
  // metadata.json names files that may be anywhere in the directory.
  if (Has(path, "metadata.json")) {
    std::vector<std::string> members = {"metadata.json"};
    std::error_code error;
    for (fs::directory_iterator it(path, error); !error && it != fs::directory_iterator();
         it.increment(error))
      if (it->path().filename() != "metadata.json") members.push_back(it->path().filename());
    if (error) return ErrnoError(error.value(), absl::StrCat("list '", path.string(), "'"));
    return KernelUpload{KernelFormat::kTree, Upload::OfDirectory(path, std::move(members))};
  }
  if (Has(path, "boot"))
    return KernelUpload{KernelFormat::kTree,
                        Upload::OfDirectory(path, {"boot", "lib/modules", "usr/lib/modules"})};
  return Unrecognised(path.string(),
                      "a directory with a kernel: it has no boot/, no vmlinux and no metadata.json");
}

}  // namespace

absl::StatusOr<KernelUpload> OpenKernel(const std::string& path) {
  BANGER_ASSIGN_OR_RETURN(const bool is_directory, IsDirectory(path));
  if (is_directory) return OpenKernelDirectory(path);
  BANGER_ASSIGN_OR_RETURN(Upload upload, Upload::OfFile(path));
  if (upload.beginning().starts_with("!<arch>\n")) return KernelUpload{KernelFormat::kDeb, std::move(upload)};
  if (IsKernelImage(upload.beginning())) return KernelUpload{KernelFormat::kImage, std::move(upload)};
  if (!FirstMembers(upload.beginning()).empty())
    return KernelUpload{KernelFormat::kBundle, std::move(upload)};
  return Unrecognised(path, "a kernel: not a .deb, a bundle (tar), a vmlinux or a bzImage");
}

absl::StatusOr<ImageUpload> OpenImage(const std::string& path) {
  BANGER_ASSIGN_OR_RETURN(const bool is_directory, IsDirectory(path));
  if (is_directory) {
    if (!Has(path, "oci-layout"))
      return Unrecognised(path,
                          "an OCI layout: no oci-layout in it; pack a root file system with 'tar' first");
    return ImageUpload{ImageFormat::kOciLayout,
                       Upload::OfDirectory(path, {"oci-layout", "index.json", "blobs"})};
  }
  BANGER_ASSIGN_OR_RETURN(Upload upload, Upload::OfFile(path));
  if (IsExt4(upload.beginning())) return ImageUpload{ImageFormat::kExt4, std::move(upload)};
  bool is_oci = false;
  const std::vector<std::string> members = FirstMembers(upload.beginning());
  if (members.empty())
    return Unrecognised(path,
                        "a tar of a root file system or of an OCI layout, a bundle or an ext4 file system");
  if (IsBundle(members)) return ImageUpload{ImageFormat::kBundle, std::move(upload)};
  for (const std::string& member : members) is_oci = is_oci || IsOciMember(member);
  if (!is_oci && IsDockerMember(members.front()))
    return ImageUpload{ImageFormat::kDockerArchive, std::move(upload)};
  return ImageUpload{is_oci ? ImageFormat::kOciLayout : ImageFormat::kRootfsTar, std::move(upload)};
}

}  // namespace banger::cli
