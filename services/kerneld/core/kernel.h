// The words of kerneld's core.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace banger::kerneld {

struct Kernel {
  std::string id;  // "debian-6.1"
  std::string distro;
  std::string arch;            // as uname -m says it
  std::string kernel_version;  // as uname -r says it
  std::string sha256;          // of the vmlinux, hex
  std::string source;          // "import:FILE", "pull:URL", "apt:PACKAGE=VERSION"
  std::chrono::system_clock::time_point imported_at;
  std::int64_t size_bytes = 0;
  bool has_initrd = false;
  bool has_modules = false;
};

struct KernelFiles {
  Kernel kernel;
  std::filesystem::path vmlinux;
  std::filesystem::path initrd;   // empty when there is none
  std::filesystem::path modules;  // empty when there are none
};

// What the bytes of an import are.
enum class Format {
  kDeb,
  kBundle,
  kTree,
  kImage,
  kTarball,  // a bundle as a plain tar, with nothing behind it
};

struct ImportSpec {
  std::string id;
  Format format = Format::kImage;
  std::string distro;  // optional
  std::string arch;    // optional: this host's
  std::string source;  // the file's name
  std::int64_t total_bytes = 0;
  bool force = false;
};

// Names either a tarball or a package of the host's own sources.
struct CatalogEntry {
  std::string id;
  std::string distro;
  std::string arch;
  std::string kernel_version;  // may be empty for packages
  std::string description;
  std::string tarball_url;
  std::string tarball_sha256;   // of the tarball as it is downloaded, hex
  std::int64_t size_bytes = 0;  // of the same
  std::string apt_package;
  std::string catalog;  // "built-in", or where the catalog is
};

struct AvailableKernel {
  enum class State { kAvailable, kPulled, kUpdate };
  CatalogEntry entry;
  State state = State::kAvailable;
};

struct AvailableKernels {
  std::vector<AvailableKernel> kernels;  // sorted by id
  std::vector<std::string> warnings;     // for people: catalogs that could not be read
};

}  // namespace banger::kerneld
