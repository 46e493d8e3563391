// import_rootfs TAR EXT4: the work of imaged for a rootfs tar, without the wire.
#include <fcntl.h>

#include <iostream>

#include "common/archive/byte_source.h"
#include "common/os/file.h"
#include "services/imaged/adapters/rootfs_tar_builder.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: import_rootfs TAR EXT4\n";
    return 2;
  }
  const absl::StatusOr<banger::UniqueFd> tar = banger::OpenFile(argv[1], O_RDONLY);
  absl::Status status = tar.status();
  if (status.ok()) {
    banger::FdSource source(tar->get());
    status = banger::imaged::RootfsTarBuilder(source).Build(argv[2], 0, {}).status();
  }
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
