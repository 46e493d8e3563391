// What imaged knows of an image.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace banger::imaged {

// What an OCI image says about how to run in it.
struct ImageConfig {
  std::vector<std::string> env;  // "KEY=value"
  std::string working_dir;
  std::string user;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
};

// A file that stays its owner's, as it was when it was registered.
struct InPlaceFile {
  std::filesystem::path path;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size_bytes = 0;
  std::int64_t mtime_nanoseconds = 0;

  friend bool operator==(const InPlaceFile&, const InPlaceFile&) = default;
};

struct Image {
  std::string id;
  std::string kernel;  // the id it was made with; empty: kerneld's default
  std::string arch;    // as uname -m says it; may be empty
  std::string source;  // "import:FILE", "pull:REFERENCE", "register:PATH", "built-in"
  std::string os;      // may be empty
  std::int64_t size_bytes = 0;
  std::int64_t disk_bytes = 0;
  std::int64_t create_time = 0;  // seconds since 1970
  ImageConfig config;
  bool built_in = false;
  std::string digest;                   // of what it was made from, when that has one
  std::optional<InPlaceFile> in_place;  // its root file system, when that is not banger's
};

struct Lease {
  std::string image;
  std::string lease;
};

// The files of a kernel on this host.
struct KernelFiles {
  std::string id;
  std::string arch;
  std::filesystem::path vmlinux;
  std::filesystem::path initrd;  // empty when it needs none
};

// What a VM boots from.
struct BootFiles {
  Image image;
  std::filesystem::path rootfs;
  std::filesystem::path vmlinux;
  std::filesystem::path initrd;  // empty when there is none
};

// 1 to 128 of a-z 0-9 . _ - with a letter or digit first.
bool IsImageId(absl::string_view id);

// "vms/" and 1 to 64 of a-z A-Z 0-9 -.
bool IsLease(absl::string_view lease);

// How large a file system to make: as asked for, else content x 1.5, at least
// 1 GiB; whole MiB.
std::int64_t ChooseFileSystemSize(std::int64_t content_bytes, std::int64_t wanted_bytes);

}  // namespace banger::imaged
