#include "services/imaged/adapters/rootfs_tar_builder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/build_root.h"
#include "services/imaged/adapters/root_tree.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

absl::Status CheckIsRoot(const RootTree& tree) {
  if (tree.HasAny({"bin/sh", "usr/bin/sh", "sbin/init", "usr/sbin/init", "init", "bin/busybox", "bin/bash"}))
    return absl::OkStatus();
  if (tree.HasAny({"oci-layout"}))
    return ArchiveRefused("the archive is an OCI image layout, not a root file system");
  return ArchiveRefused(
      "the archive holds no root file system: it has neither /bin/sh nor /sbin/init nor /init");
}

}  // namespace

absl::StatusOr<BuiltRootfs> RootfsTarBuilder::Build(const std::filesystem::path& rootfs,
                                                    std::int64_t wanted_bytes, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(RootTree tree, RootTree::Create(rootfs));
  absl::StatusOr<ArchiveReader> reader = ArchiveReader::OpenTar(source_, limits_);
  BANGER_RETURN_IF_ERROR(AsArchiveError(reader.status()));
  reader->StopOn(stop);
  BANGER_RETURN_IF_ERROR(AsArchiveError(tree.AddTar(*reader)));
  BANGER_RETURN_IF_ERROR(Drain(source_));
  BANGER_RETURN_IF_ERROR(CheckIsRoot(tree));
  return FinishRoot(tree, wanted_bytes, stop);
}

}  // namespace banger::imaged
