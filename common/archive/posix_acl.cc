#include "common/archive/posix_acl.h"

#include <archive.h>
#include <archive_entry.h>
#include <linux/posix_acl_xattr.h>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

// linux/posix_acl.h, which is not for user space.
constexpr std::uint16_t kUserObj = 0x01;
constexpr std::uint16_t kUser = 0x02;
constexpr std::uint16_t kGroupObj = 0x04;
constexpr std::uint16_t kGroup = 0x08;
constexpr std::uint16_t kMask = 0x10;
constexpr std::uint16_t kOther = 0x20;
constexpr std::uint32_t kNobody = 0xffffffff;
constexpr int kPermissions = 7;

struct AclEntry {
  std::uint16_t tag = 0;
  std::uint16_t permissions = 0;
  std::uint32_t id = kNobody;
};

std::uint16_t TagOf(int tag) {
  switch (tag) {
    case ARCHIVE_ENTRY_ACL_USER_OBJ:
      return kUserObj;
    case ARCHIVE_ENTRY_ACL_USER:
      return kUser;
    case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
      return kGroupObj;
    case ARCHIVE_ENTRY_ACL_GROUP:
      return kGroup;
    case ARCHIVE_ENTRY_ACL_MASK:
      return kMask;
    default:
      return kOther;
  }
}

bool HasId(std::uint16_t tag) { return tag == kUser || tag == kGroup; }

// In the order and with the entries that the kernel insists on.
absl::Status Complete(std::vector<AclEntry>& acl) {
  std::sort(acl.begin(), acl.end(), [](const AclEntry& a, const AclEntry& b) {
    return std::tie(a.tag, a.id) < std::tie(b.tag, b.id);
  });
  const auto count = [&acl](std::uint16_t tag) {
    return std::count_if(acl.begin(), acl.end(), [tag](const AclEntry& entry) { return entry.tag == tag; });
  };
  const bool needs_mask = count(kUser) + count(kGroup) > 0;
  if (count(kUserObj) != 1 || count(kGroupObj) != 1 || count(kOther) != 1 || count(kMask) > 1 ||
      (needs_mask && count(kMask) == 0))
    return absl::InvalidArgumentError("its ACL is not complete");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AclEntry>> Collect(archive_entry* from, int kind) {
  std::vector<AclEntry> acl;
  archive_entry_acl_reset(from, kind);
  int type = 0;
  int permissions = 0;
  int tag = 0;
  int id = 0;
  const char* name = nullptr;
  while (archive_entry_acl_next(from, kind, &type, &permissions, &tag, &id, &name) == ARCHIVE_OK) {
    AclEntry entry{.tag = TagOf(tag), .permissions = static_cast<std::uint16_t>(permissions & kPermissions)};
    if (HasId(entry.tag)) {
      if (id < 0)
        return absl::InvalidArgumentError(
            "its ACL names a user or group without a number, as tar writes it without --numeric-owner");
      entry.id = static_cast<std::uint32_t>(id);
    }
    acl.push_back(entry);
  }
  if (!acl.empty()) BANGER_RETURN_IF_ERROR(Complete(acl));
  return acl;
}

void Append(std::string& bytes, std::uint32_t value, int size) {
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

std::string Encode(const std::vector<AclEntry>& acl) {
  std::string bytes;
  if (acl.empty()) return bytes;
  Append(bytes, POSIX_ACL_XATTR_VERSION, 4);
  for (const AclEntry& entry : acl) {
    Append(bytes, entry.tag, 2);
    Append(bytes, entry.permissions, 2);
    Append(bytes, entry.id, 4);
  }
  return bytes;
}

}  // namespace

absl::StatusOr<PosixAcls> PosixAclsOf(archive_entry* entry) {
  PosixAcls acls;
  if ((archive_entry_acl_types(entry) & ARCHIVE_ENTRY_ACL_TYPE_POSIX1E) == 0) return acls;
  BANGER_ASSIGN_OR_RETURN(const std::vector<AclEntry> access, Collect(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS));
  BANGER_ASSIGN_OR_RETURN(const std::vector<AclEntry> inherited,
                          Collect(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT));
  for (const AclEntry& each : access)
    if (each.tag == kMask) acls.mask = each.permissions;
  acls.access = Encode(access);
  acls.default_ = Encode(inherited);
  return acls;
}

}  // namespace banger
