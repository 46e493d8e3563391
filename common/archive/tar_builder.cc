#include "common/archive/tar_builder.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace banger {
namespace {

constexpr std::size_t kBlock = 512;

// The ustar header as POSIX lays it out.
struct RawHeader {
  char name[100];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char mtime[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[6];
  char version[2];
  char owner[32];
  char group[32];
  char major[8];
  char minor[8];
  char prefix[155];
  char padding[12];
};
static_assert(sizeof(RawHeader) == kBlock);

void PutText(char* field, std::size_t size, const std::string& text) {
  std::memcpy(field, text.data(), std::min(size, text.size()));
}

}  // namespace

void TarBuilder::Append(const Header& header) {
  RawHeader raw{};
  PutText(raw.name, sizeof raw.name, header.path);
  std::snprintf(raw.mode, sizeof raw.mode, "%07o", header.mode);
  std::snprintf(raw.uid, sizeof raw.uid, "%07o", header.uid);
  std::snprintf(raw.gid, sizeof raw.gid, "%07o", header.gid);
  std::snprintf(raw.size, sizeof raw.size, "%011zo", header.content.size());
  std::snprintf(raw.mtime, sizeof raw.mtime, "%011lo", static_cast<unsigned long>(header.mtime));
  raw.type = header.type;
  PutText(raw.link, sizeof raw.link, header.link_target);
  PutText(raw.magic, sizeof raw.magic, "ustar");
  std::memcpy(raw.version, "00", 2);
  std::snprintf(raw.major, sizeof raw.major, "%07o", header.device_major);
  std::snprintf(raw.minor, sizeof raw.minor, "%07o", header.device_minor);
  std::memset(raw.checksum, ' ', sizeof raw.checksum);
  unsigned sum = 0;
  for (const char byte : absl::string_view(reinterpret_cast<const char*>(&raw), sizeof raw))
    sum += static_cast<unsigned char>(byte);
  std::snprintf(raw.checksum, sizeof raw.checksum, "%06o", sum);
  bytes_.append(reinterpret_cast<const char*>(&raw), sizeof raw);
  bytes_.append(header.content);
  bytes_.append((kBlock - header.content.size() % kBlock) % kBlock, '\0');
}

TarBuilder& TarBuilder::Add(const Header& header) {
  if (!pax_.empty()) Append({.path = "pax", .type = 'x', .content = std::exchange(pax_, {})});
  if (header.path.size() > sizeof(RawHeader::name))
    Append({.path = "././@LongLink", .type = 'L', .content = header.path + '\0'});
  if (header.link_target.size() > sizeof(RawHeader::link))
    Append({.path = "././@LongLink", .type = 'K', .content = header.link_target + '\0'});
  Append(header);
  return *this;
}

TarBuilder& TarBuilder::File(const std::string& path, const std::string& content, unsigned mode) {
  return Add({.path = path, .content = content, .mode = mode});
}

TarBuilder& TarBuilder::Directory(const std::string& path) {
  return Add({.path = path, .type = '5', .mode = 0755});
}

TarBuilder& TarBuilder::Symlink(const std::string& path, const std::string& target) {
  return Add({.path = path, .type = '2', .link_target = target, .mode = 0777});
}

TarBuilder& TarBuilder::Pax(absl::string_view key, absl::string_view value) {
  // The record's length counts its own digits.
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (absl::StrCat(length).size() + rest != length) ++length;
  absl::StrAppend(&pax_, length, " ", key, "=", value, "\n");
  return *this;
}

std::string TarBuilder::Build() const { return bytes_ + std::string(2 * kBlock, '\0'); }

}  // namespace banger
