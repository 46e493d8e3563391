// POSIX ACLs of archive members. Internal to this room.
#pragma once

#include <string>

#include "absl/status/statusor.h"

struct archive_entry;

namespace banger {

// As Linux hands them out in the xattrs system.posix_acl_access and
// system.posix_acl_default; empty when there is none.
struct PosixAcls {
  std::string access;
  std::string default_;
  // The access ACL's mask, which takes the place of the group's permissions in the
  // file's mode; -1 without one.
  int mask = -1;
};

// INVALID_ARGUMENT for an ACL that names somebody without a number, or that Linux
// would not take.
absl::StatusOr<PosixAcls> PosixAclsOf(archive_entry* entry);

}  // namespace banger
