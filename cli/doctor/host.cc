#include "cli/doctor/host.h"

#include <sys/statvfs.h>
#include <sys/timex.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/output/text.h"
#include "common/os/subprocess.h"

namespace banger::cli {
namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

}  // namespace

Finding CheckFileSystemTools() {
  for (const char* place : {"/usr/sbin/e2fsck", "/sbin/e2fsck", "e2fsck"})
    if (FindProgram(place).ok()) return Pass("e2fsprogs", "there");
  return Warning("e2fsprogs", "e2fsck is not there to look into a VM's disk; banger itself does without",
                 "sudo apt install e2fsprogs");
}

Finding JudgeSpace(const std::string& what, const std::string& directory, std::int64_t free_bytes,
                   std::int64_t free_inodes) {
  const std::string detail =
      absl::StrCat(HumanSize(free_bytes), " and ", free_inodes, " inodes free at '", directory, "'");
  const std::string repair = "banger vm prune; banger image cache prune; banger image delete";
  if (free_bytes < kGiB || free_inodes < 1000) return Failure(what, detail, repair);
  if (free_bytes < 10 * kGiB || free_inodes < 10'000) return Warning(what, detail, repair);
  return Pass(what, detail);
}

Finding CheckSpace(const std::string& what, const std::filesystem::path& directory) {
  struct statvfs found {};
  // Before the first start of a daemon it is not there.
  std::filesystem::path path = directory;
  while (::statvfs(path.c_str(), &found) != 0) {
    if (errno != ENOENT || path == path.root_path())
      return Warning(what, absl::StrCat("'", path.string(), "': ", std::strerror(errno)),
                     "sudo banger doctor");
    path = path.parent_path();
  }
  // Some file systems count no inodes.
  const auto inodes = found.f_files == 0 ? 1'000'000 : static_cast<std::int64_t>(found.f_favail);
  return JudgeSpace(what, path.string(),
                    static_cast<std::int64_t>(found.f_bavail) * static_cast<std::int64_t>(found.f_frsize),
                    inodes);
}

Finding CheckClock(std::chrono::system_clock::time_point now, absl::string_view build_time,
                   bool synchronised) {
  absl::Time built;
  std::string error;
  const std::string shown = absl::FormatTime(absl::RFC3339_sec, absl::FromChrono(now), absl::UTCTimeZone());
  if (absl::ParseTime(absl::RFC3339_full, build_time, &built, &error) && absl::FromChrono(now) < built)
    return Failure("clock", absl::StrCat(shown, " is before this program was built; guests get that time"),
                   "sudo timedatectl set-ntp true");
  if (!synchronised)
    return Warning("clock", absl::StrCat(shown, ", which nobody keeps right; guests get that time"),
                   "sudo timedatectl set-ntp true");
  return Pass("clock", "synchronised");
}

bool ClockIsSynchronised() {
  timex state{};
  const int result = ::adjtimex(&state);
  return result >= 0 && (state.status & STA_UNSYNC) == 0;
}

}  // namespace banger::cli
