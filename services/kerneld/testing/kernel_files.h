// Small files of the shapes that kernels come in.
#pragma once

#include <cstdint>
#include <string>

#include "common/archive/tar_builder.h"

namespace banger::kerneld {

struct VmlinuxOptions {
  std::uint16_t machine = 62;  // EM_X86_64
  bool pvh = true;
  bool virtio_blk = true;  // built in
  std::string version = "6.1.0-test";
  std::size_t cut_off = 0;  // bytes missing at the end
};
std::string MakeVmlinux(const VmlinuxOptions& options = {});

// A bzImage around a payload; the unpacked size follows it, as the kernel's
// build does it for all but gzip.
std::string MakeBzImage(const std::string& payload, const std::string& version = "6.1.0-test");

// lz4's legacy frame, which nothing but kernels uses any more.
std::string CompressLz4Legacy(const std::string& bytes);

// A .ko that needs those: "virtio,virtio_ring".
std::string MakeModule(const std::string& depends);

// A Debian package with that data.tar.
std::string MakeDeb(const std::string& data_tar_name, const std::string& data_tar);

// What a Debian kernel has below boot/ and lib/modules/6.1.0-test, with modular
// drivers.
TarBuilder DebianTree();

}  // namespace banger::kerneld
