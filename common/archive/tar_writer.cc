#include "common/archive/tar_writer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::int64_t kMaxOctal7 = 07777777;
constexpr std::int64_t kMaxOctal11 = 077777777777;

struct Header {
  std::array<char, kBlock> bytes{};

  void Text(std::size_t at, std::size_t size, absl::string_view text) {
    std::memcpy(bytes.data() + at, text.data(), std::min(size, text.size()));
  }
  // Octal digits with a NUL behind them; what does not fit is in a pax record.
  void Octal(std::size_t at, std::size_t size, std::int64_t value, std::int64_t max) {
    Text(at, size,
         absl::StrFormat("%0*o", static_cast<int>(size - 1), value >= 0 && value <= max ? value : 0));
  }
  absl::string_view Seal() {
    std::memset(bytes.data() + 148, ' ', 8);
    unsigned sum = 0;
    for (const char byte : bytes) sum += static_cast<unsigned char>(byte);
    Text(148, 8, absl::StrFormat("%06o", sum));
    bytes[154] = '\0';
    return {bytes.data(), bytes.size()};
  }
};

std::size_t PaddingOf(std::int64_t size) {
  return (kBlock - static_cast<std::size_t>(size) % kBlock) % kBlock;
}

char TypeFlag(ArchiveEntry::Type type) {
  switch (type) {
    case ArchiveEntry::Type::kHardLink:
      return '1';
    case ArchiveEntry::Type::kSymlink:
      return '2';
    case ArchiveEntry::Type::kCharDevice:
      return '3';
    case ArchiveEntry::Type::kBlockDevice:
      return '4';
    case ArchiveEntry::Type::kDirectory:
      return '5';
    case ArchiveEntry::Type::kFifo:
      return '6';
    default:
      return '0';
  }
}

// "LENGTH key=value\n", where the length counts itself.
std::string PaxRecord(absl::string_view key, absl::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (absl::StrCat(length).size() + rest != length) length = absl::StrCat(length).size() + rest;
  return absl::StrCat(length, " ", key, "=", value, "\n");
}

std::map<std::string, std::string> PaxRecordsOf(const ArchiveEntry& entry, const std::string& path) {
  std::map<std::string, std::string> records;
  if (path.size() > 100) records["path"] = path;
  if (entry.link_target.size() > 100) records["linkpath"] = entry.link_target;
  if (entry.uid > static_cast<std::uint64_t>(kMaxOctal7)) records["uid"] = absl::StrCat(entry.uid);
  if (entry.gid > static_cast<std::uint64_t>(kMaxOctal7)) records["gid"] = absl::StrCat(entry.gid);
  if (entry.mtime_nanoseconds != 0 || entry.mtime_seconds < 0 || entry.mtime_seconds > kMaxOctal11) {
    // Pax counts decimally from zero, so -1.25 is 0.75 after -2.
    const bool borrow = entry.mtime_seconds < 0 && entry.mtime_nanoseconds != 0;
    const std::int64_t whole = entry.mtime_seconds + (borrow ? 1 : 0);
    const std::int32_t part = borrow ? 1'000'000'000 - entry.mtime_nanoseconds : entry.mtime_nanoseconds;
    records["mtime"] = absl::StrCat(entry.mtime_seconds < 0 && whole == 0 ? "-" : "", whole,
                                    part == 0 ? "" : absl::StrFormat(".%09d", part));
  }
  for (const auto& [name, value] : entry.xattrs) records[absl::StrCat("SCHILY.xattr.", name)] = value;
  return records;
}

// The map of GNU's sparse format 1.0, which begins the member's data.
std::string SparseMap(const std::vector<DataRange>& data, std::int64_t size) {
  std::string map;
  const bool ends_in_hole = data.empty() || data.back().offset + data.back().size < size;
  absl::StrAppend(&map, data.size() + (ends_in_hole ? 1 : 0), "\n");
  for (const DataRange& range : data) absl::StrAppend(&map, range.offset, "\n", range.size, "\n");
  if (ends_in_hole) absl::StrAppend(&map, size, "\n0\n");
  map.append(PaddingOf(static_cast<std::int64_t>(map.size())), '\0');
  return map;
}

}  // namespace

absl::Status TarWriter::Begin(const ArchiveEntry& entry, const std::vector<DataRange>& data) {
  BANGER_RETURN_IF_ERROR(EndMember());
  if (entry.type == ArchiveEntry::Type::kSocket)
    return absl::InvalidArgumentError(absl::StrCat("'", entry.path, "' is a socket"));
  std::string path = entry.path;
  if (entry.type == ArchiveEntry::Type::kDirectory && !absl::EndsWith(path, "/")) path += '/';
  const bool is_file = entry.type == ArchiveEntry::Type::kFile;
  std::int64_t bytes = 0;
  for (const DataRange& range : data) {
    // GNU tar pads each range of its sparse format, others do not.
    if (bytes % static_cast<std::int64_t>(kBlock) != 0)
      return absl::InvalidArgumentError(absl::StrCat("'", entry.path, "' has data in broken blocks"));
    bytes += range.size;
  }
  const bool sparse = is_file && bytes < entry.size;
  std::map<std::string, std::string> records = PaxRecordsOf(entry, path);
  std::string map;
  if (sparse) {
    map = SparseMap(data, entry.size);
    records.erase("path");
    records["GNU.sparse.major"] = "1";
    records["GNU.sparse.minor"] = "0";
    records["GNU.sparse.name"] = path;
    records["GNU.sparse.realsize"] = absl::StrCat(entry.size);
    path = "GNUSparseFile.0";
  }
  const std::int64_t stored = bytes + static_cast<std::int64_t>(map.size());
  if (stored > kMaxOctal11) records["size"] = absl::StrCat(stored);
  if (!records.empty()) BANGER_RETURN_IF_ERROR(WritePax(records));
  BANGER_RETURN_IF_ERROR(WriteHeader(path, TypeFlag(entry.type), entry, stored));
  if (sparse) BANGER_RETURN_IF_ERROR(sink_(map));
  missing_ = bytes;
  padding_ = PaddingOf(stored);
  return absl::OkStatus();
}

absl::Status TarWriter::WriteHeader(const std::string& path, char type, const ArchiveEntry& entry,
                                    std::int64_t size) {
  Header header;
  header.Text(0, 100, path);
  header.Octal(100, 8, entry.mode & 07777, kMaxOctal7);
  header.Octal(108, 8, static_cast<std::int64_t>(entry.uid), kMaxOctal7);
  header.Octal(116, 8, static_cast<std::int64_t>(entry.gid), kMaxOctal7);
  header.Octal(124, 12, size, kMaxOctal11);
  header.Octal(136, 12, entry.mtime_seconds, kMaxOctal11);
  header.bytes[156] = type;
  header.Text(157, 100, entry.link_target);
  header.Text(257, 8, absl::string_view("ustar\00000", 8));
  header.Octal(329, 8, entry.device_major, kMaxOctal7);
  header.Octal(337, 8, entry.device_minor, kMaxOctal7);
  return sink_(header.Seal());
}

absl::Status TarWriter::WritePax(const std::map<std::string, std::string>& records) {
  std::string text;
  for (const auto& [key, value] : records) text += PaxRecord(key, value);
  const auto size = static_cast<std::int64_t>(text.size());
  BANGER_RETURN_IF_ERROR(WriteHeader("PaxHeader", 'x', ArchiveEntry{.mode = 0644}, size));
  text.append(PaddingOf(size), '\0');
  return sink_(text);
}

absl::Status TarWriter::Write(absl::string_view bytes) {
  if (static_cast<std::int64_t>(bytes.size()) > missing_)
    return absl::FailedPreconditionError("more bytes than the member was begun with");
  missing_ -= static_cast<std::int64_t>(bytes.size());
  return sink_(bytes);
}

absl::Status TarWriter::EndMember() {
  if (missing_ != 0)
    return absl::FailedPreconditionError(absl::StrCat("the member lacks ", missing_, " bytes"));
  const std::string zeros(std::exchange(padding_, 0), '\0');
  return zeros.empty() ? absl::OkStatus() : sink_(zeros);
}

absl::Status TarWriter::Finish() {
  BANGER_RETURN_IF_ERROR(EndMember());
  return sink_(std::string(2 * kBlock, '\0'));
}

}  // namespace banger
