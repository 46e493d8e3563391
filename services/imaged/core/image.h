// What imaged knows of an image.
#pragma once

#include <cstdint>
#include <filesystem>
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

struct Image {
  std::string id;
  std::string kernel;  // the id it was made with; empty: kerneld's default
  std::string arch;    // as uname -m says it; may be empty
  std::string source;  // "import:FILE", "built-in"
  std::string os;      // may be empty
  std::int64_t size_bytes = 0;
  std::int64_t disk_bytes = 0;
  std::int64_t create_time = 0;  // seconds since 1970
  ImageConfig config;
  bool built_in = false;
  std::string digest;  // of what a built-in image was made from
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
