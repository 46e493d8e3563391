#include "services/imaged/adapters/tree_tar.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace banger::imaged {
namespace {

constexpr std::size_t kMaxPath = 64 << 10;

ArchiveEntry::Type TypeOf(ext4::Type type) {
  switch (type) {
    case ext4::Type::kDirectory:
      return ArchiveEntry::Type::kDirectory;
    case ext4::Type::kSymlink:
      return ArchiveEntry::Type::kSymlink;
    case ext4::Type::kCharDevice:
      return ArchiveEntry::Type::kCharDevice;
    case ext4::Type::kBlockDevice:
      return ArchiveEntry::Type::kBlockDevice;
    case ext4::Type::kFifo:
      return ArchiveEntry::Type::kFifo;
    case ext4::Type::kSocket:
      return ArchiveEntry::Type::kSocket;
    case ext4::Type::kFile:
      break;
  }
  return ArchiveEntry::Type::kFile;
}

ArchiveEntry EntryOf(std::string path, Ext4Reader::Node node) {
  return {.path = std::move(path),
          .type = TypeOf(node.type),
          .mode = node.attributes.mode,
          .uid = node.attributes.uid,
          .gid = node.attributes.gid,
          .mtime_seconds = node.attributes.mtime_seconds,
          .mtime_nanoseconds = static_cast<std::int32_t>(node.attributes.mtime_nanoseconds),
          .size = node.size,
          .link_target = std::move(node.target),
          .xattrs = std::move(node.attributes.xattrs),
          .device_major = node.device_major,
          .device_minor = node.device_minor};
}

class TreeWriter {
 public:
  TreeWriter(const Ext4Reader& reader, TarWriter& tar, const std::function<void(std::int64_t)>& read,
             const std::stop_token& stop)
      : reader_(reader), tar_(tar), read_(read), stop_(stop) {}

  absl::Status Write() {
    BANGER_ASSIGN_OR_RETURN(Ext4Reader::Node root, reader_.Read(Ext4Reader::kRoot));
    BANGER_RETURN_IF_ERROR(tar_.Begin(EntryOf("./", std::move(root))));
    BANGER_RETURN_IF_ERROR(Push("", Ext4Reader::kRoot));
    while (!rest_.empty()) {
      if (stop_.stop_requested()) return absl::CancelledError("the caller has left");
      auto [path, number] = std::move(rest_.back());
      rest_.pop_back();
      BANGER_RETURN_IF_ERROR(WriteMember(std::move(path), number));
    }
    return tar_.Finish();
  }

 private:
  // The directory's entries, so that the first one is written next.
  absl::Status Push(const std::string& path, Ext4Reader::Number directory) {
    // A damaged file system may have a directory within itself.
    if (!directories_.insert(directory).second || path.size() > kMaxPath)
      return absl::DataLossError(absl::StrCat("directory '", path.substr(0, 200), "' is there twice"));
    BANGER_ASSIGN_OR_RETURN(auto entries, reader_.List(directory));
    for (auto it = entries.rbegin(); it != entries.rend(); ++it)
      rest_.emplace_back(path + it->first, it->second);
    return absl::OkStatus();
  }

  absl::Status WriteMember(std::string path, Ext4Reader::Number number) {
    BANGER_ASSIGN_OR_RETURN(Ext4Reader::Node node, reader_.Read(number));
    if (node.type == ext4::Type::kSocket) return absl::OkStatus();
    if (node.type == ext4::Type::kDirectory) return WriteDirectory(path, number, std::move(node));
    if (node.names > 1) {
      const auto [known, is_new] = first_names_.emplace(number, path);
      if (!is_new) return WriteHardLink(std::move(path), known->second, std::move(node));
    }
    const bool is_file = node.type == ext4::Type::kFile;
    const ArchiveEntry entry = EntryOf(std::move(path), std::move(node));
    return is_file ? WriteFile(entry, number) : tar_.Begin(entry);
  }

  absl::Status WriteDirectory(const std::string& path, Ext4Reader::Number number, Ext4Reader::Node node) {
    if (path == "lost+found") {
      BANGER_ASSIGN_OR_RETURN(const auto entries, reader_.List(number));
      if (entries.empty()) return absl::OkStatus();
    }
    BANGER_RETURN_IF_ERROR(tar_.Begin(EntryOf(path, std::move(node))));
    return Push(path + "/", number);
  }

  absl::Status WriteHardLink(std::string path, const std::string& first, Ext4Reader::Node node) {
    ArchiveEntry entry = EntryOf(std::move(path), std::move(node));
    entry.type = ArchiveEntry::Type::kHardLink;
    entry.link_target = first;
    entry.size = 0;
    entry.xattrs.clear();  // the file has them
    return tar_.Begin(entry);
  }

  absl::Status WriteFile(const ArchiveEntry& entry, Ext4Reader::Number number) {
    BANGER_ASSIGN_OR_RETURN(const auto ranges, reader_.DataRanges(number));
    std::vector<DataRange> data;
    for (const auto& [offset, size] : ranges) data.push_back({offset, size});
    BANGER_RETURN_IF_ERROR(tar_.Begin(entry, data));
    return reader_.ReadContent(number, [this](std::int64_t, absl::string_view bytes) -> absl::Status {
      if (stop_.stop_requested()) return absl::CancelledError("the caller has left");
      read_(static_cast<std::int64_t>(bytes.size()));
      return tar_.Write(bytes);
    });
  }

  const Ext4Reader& reader_;
  TarWriter& tar_;
  const std::function<void(std::int64_t)>& read_;
  const std::stop_token& stop_;
  std::vector<std::pair<std::string, Ext4Reader::Number>> rest_;  // the next one last
  std::set<Ext4Reader::Number> directories_;
  std::map<Ext4Reader::Number, std::string> first_names_;  // of files with more than one
};

}  // namespace

absl::Status WriteTree(const Ext4Reader& reader, TarWriter& tar,
                       const std::function<void(std::int64_t)>& read, const std::stop_token& stop) {
  return TreeWriter(reader, tar, read, stop).Write();
}

}  // namespace banger::imaged
