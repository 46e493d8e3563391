// Looks into an ext4 file, for tests: with libext2fs, so without a mount.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

struct struct_ext2_filsys;

namespace banger {

struct Ext4Stat {
  std::uint32_t number = 0;
  std::uint32_t mode = 0;  // with the type, as in stat(2)
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t size = 0;
  std::int64_t mtime_seconds = 0;
  std::uint32_t mtime_nanoseconds = 0;
  std::uint32_t links = 0;
  std::int64_t disk_bytes = 0;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
};

class Ext4Inspector {
 public:
  static absl::StatusOr<Ext4Inspector> Open(const std::filesystem::path& path);
  Ext4Inspector(Ext4Inspector&& other) noexcept;
  ~Ext4Inspector();

  // NOT_FOUND when there is no such path. The last component is not followed.
  absl::StatusOr<Ext4Stat> Stat(const std::string& path) const;
  absl::StatusOr<std::string> ReadFile(const std::string& path) const;
  absl::StatusOr<std::string> ReadLink(const std::string& path) const;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) const;  // sorted, no dots
  absl::StatusOr<std::map<std::string, std::string>> Xattrs(const std::string& path) const;
  std::string label() const;
  std::int64_t size_bytes() const;

 private:
  explicit Ext4Inspector(struct_ext2_filsys* fs) : fs_(fs) {}

  struct_ext2_filsys* fs_;
};

// What `e2fsck -fn` says; OK only when it finds nothing at all to complain about.
absl::Status CheckExt4(const std::filesystem::path& path);

}  // namespace banger
