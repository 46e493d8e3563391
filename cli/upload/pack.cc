#include <filesystem>
#include <system_error>

#include "cli/upload/upload.h"
#include "common/archive/tar_writer.h"
#include "common/status/status_macros.h"
#include "common/tree/chunks.h"
#include "common/tree/tree_packer.h"

namespace banger::cli {

absl::Status Pack(const std::vector<PackedMember>& members, const Sink& sink) {
  Chunks chunks(sink);
  TarWriter tar([&chunks](absl::string_view bytes) { return chunks.Add(bytes); });
  // Daemons take no hard links.
  TreePacker packer(tar, {}, false);
  for (const PackedMember& member : members) {
    std::error_code error;
    if (std::filesystem::symlink_status(member.path, error).type() != std::filesystem::file_type::not_found)
      BANGER_RETURN_IF_ERROR(packer.Add(member.path, member.name));
  }
  BANGER_RETURN_IF_ERROR(tar.Finish());
  return chunks.Flush();
}

}  // namespace banger::cli
