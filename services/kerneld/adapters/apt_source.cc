#include "services/kerneld/adapters/apt_source.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/archive/byte_source.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace fs = std::filesystem;
namespace {

// A meta package leads to another meta package at most a few times.
constexpr int kMaxDependencies = 4;
constexpr int kStatusFd = 3;
// Beside our lists: since when they are what they are, also if nothing had changed.
constexpr char kUpdated[] = "lists-updated";

class OwnedFdSource final : public ByteSource {
 public:
  explicit OwnedFdSource(UniqueFd fd) : fd_(std::move(fd)), source_(fd_.get()) {}
  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override { return source_.Read(buffer); }

 private:
  UniqueFd fd_;
  FdSource source_;
};

// Numbers apart, "linux-image-6.1.0-37-amd64" is a kernel and
// "linux-image-amd64" leads to one.
bool IsKernelPackage(const std::string& name) {
  absl::string_view rest = name;
  return absl::ConsumePrefix(&rest, "linux-image-") && !rest.empty() && rest[0] >= '0' && rest[0] <= '9';
}

// What apt complained about last, without its "E: ".
std::string LastError(const std::string& text) {
  std::string last;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty()))
    if (absl::ConsumePrefix(&line, "E: ")) last = std::string(line);
  return last;
}

// "dlstatus:1:42.5:Retrieving file 1 of 1 ..." in percent.
void ReportStatusLine(absl::string_view line, Progress step, const ProgressFn& progress) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, absl::MaxSplits(':', 3));
  double percent = 0;
  if (fields.size() < 3 || fields[0] != "dlstatus" || !absl::SimpleAtod(fields[2], &percent)) return;
  step.done_bytes = static_cast<std::int64_t>(static_cast<double>(step.total_bytes) * percent / 100);
  progress(step);
}

// Until the other end closes.
void FollowStatus(int fd, const Progress& step, const ProgressFn& progress) {
  std::string pending;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    pending.append(buffer.data(), static_cast<std::size_t>(count));
    for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1))
      ReportStatusLine(absl::string_view(pending).substr(0, end), step, progress);
  }
}

absl::StatusOr<fs::path> OnlyPackageIn(const fs::path& directory) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error))
    if (entry.path().extension() == ".deb") return entry.path();
  return absl::NotFoundError("apt-get left no package");
}

}  // namespace

PackageRecord ParsePackageRecord(const std::string& text) {
  PackageRecord record;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty()) break;
    if (absl::ConsumePrefix(&line, "Package: ")) {
      record.name = std::string(line);
    } else if (absl::ConsumePrefix(&line, "Version: ")) {
      record.version = std::string(line);
    } else if (absl::ConsumePrefix(&line, "Size: ")) {
      if (!absl::SimpleAtoi(line, &record.size_bytes)) record.size_bytes = 0;
    } else if (absl::ConsumePrefix(&line, "Depends: ")) {
      for (absl::string_view item : absl::StrSplit(line, absl::ByAnyChar(",|"), absl::SkipWhitespace())) {
        item = absl::StripLeadingAsciiWhitespace(item);
        const absl::string_view name = item.substr(0, item.find_first_of(" (:"));
        if (record.kernel_dependency.empty() && absl::StartsWith(name, "linux-image-"))
          record.kernel_dependency = std::string(name);
      }
    }
  }
  return record;
}

absl::StatusOr<FetchedPackage> AptSource::Fetch(const std::string& package, const fs::path& directory,
                                                const ProgressFn& progress, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const KeyedLock::Hold hold, in_use_.Acquire("apt", stop));
  BANGER_RETURN_IF_ERROR(Prepare());
  PackageVersion candidate;
  progress({.stage = "resolve", .detail = package});
  absl::StatusOr<fs::path> file = ResolveAndDownload(package, candidate, directory, progress, stop);
  if (!file.ok() && !absl::IsCancelled(file.status())) {
    // Not known, or no longer there: the lists are missing or old.
    progress({.stage = "update package lists"});
    BANGER_RETURN_IF_ERROR(Update(stop));
    file = ResolveAndDownload(package, candidate, directory, progress, stop);
  }
  if (!file.ok()) {
    if (absl::IsCancelled(file.status()) || absl::IsResourceExhausted(file.status())) return file.status();
    return SourceUnreachable(absl::StrCat("apt:", package), file.status().message());
  }
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(*file, O_RDONLY));
  // It goes as soon as it has been read.
  std::error_code ignored;
  fs::remove(*file, ignored);
  return FetchedPackage{.package = std::move(candidate),
                        .bytes = std::make_shared<OwnedFdSource>(std::move(fd))};
}

absl::StatusOr<PackageVersion> AptSource::Find(const std::string& package, const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(Prepare());
  const Lists lists = NewestLists();
  {
    const MutexLock lock(mutex_);
    const auto known = known_.find(package);
    if (known != known_.end() && known->second.lists.directory == lists.directory &&
        known->second.lists.changed == lists.changed)
      return known->second.package;
  }
  absl::StatusOr<PackageVersion> found = Resolve(package, stop);
  if (stop.stop_requested()) return absl::CancelledError("the caller has left");
  const MutexLock lock(mutex_);
  known_.insert_or_assign(package, Known{lists, found});
  return found;
}

// apt renames each list into place, so that the directory's time tells.
AptSource::Lists AptSource::NewestLists() const {
  std::error_code error;
  Lists newest{options_.state_dir / "lists", {}};
  newest.changed = fs::last_write_time(options_.state_dir / kUpdated, error);
  if (error) newest.changed = fs::file_time_type::min();
  const fs::file_time_type hosts = fs::last_write_time(options_.host_lists, error);
  if (!error && hosts > newest.changed) newest = {options_.host_lists, hosts};
  return newest;
}

std::vector<std::string> AptSource::Command(const fs::path& lists,
                                            const std::vector<std::string>& arguments) const {
  const std::string state = options_.state_dir.string();
  std::vector<std::string> command = arguments;
  std::vector<std::string> settings = {
      absl::StrCat("Dir::State=", state),
      absl::StrCat("Dir::State::lists=", lists.string()),
      "Dir::State::status=/var/lib/dpkg/status",
      absl::StrCat("Dir::Cache=", state),
      absl::StrCat("Dir::Cache::archives=", state, "/archives"),
      absl::StrCat("Dir::Log=", state),
      // Started as root, apt would drop to a user that cannot write our files.
      "APT::Sandbox::User=root",
      // Only what finding one package takes.
      "Acquire::Languages=none",
      "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
      "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false",
      "Acquire::AllowInsecureRepositories=false",
      "APT::Get::AllowUnauthenticated=false",
      // A dead source costs seconds, not minutes.
      "Acquire::http::Timeout=10",
      "Acquire::https::Timeout=10",
      "Acquire::Retries=1",
      "APT::Update::Post-Invoke-Success::=true",
  };
  settings.insert(settings.end(), options_.apt_options.begin(), options_.apt_options.end());
  for (const std::string& setting : settings) {
    command.emplace_back("-o");
    command.push_back(setting);
  }
  return command;
}

absl::Status AptSource::Prepare() const {
  for (const char* name : {"lists/partial", "archives/partial"})
    BANGER_RETURN_IF_ERROR(MakeDirectories(options_.state_dir / name));
  return absl::OkStatus();
}

absl::Status AptSource::Update(const std::stop_token& stop) const {
  const fs::path lists = options_.state_dir / "lists";
  // Its exit code tells about all sources together; the ones that work count.
  BANGER_RETURN_IF_ERROR(
      RunCommand({.argv = Command(lists, {"apt-get", "update", "-q"})}, {}, stop).status());
  return WriteFileAtomically(options_.state_dir / kUpdated, "");
}

absl::StatusOr<PackageVersion> AptSource::Resolve(const std::string& package,
                                                  const std::stop_token& stop) const {
  const fs::path lists = NewestLists().directory;
  std::string name = package;
  for (int i = 0; i < kMaxDependencies; ++i) {
    BANGER_ASSIGN_OR_RETURN(
        const CommandResult shown,
        RunCommand({.argv = Command(lists, {"apt-cache", "show", "--no-all-versions", name})}, {}, stop));
    PackageRecord record = ParsePackageRecord(shown.out);
    if (!shown.status.success() || record.name != name || record.version.empty())
      return absl::NotFoundError(absl::StrCat("no package source has '", name, "'"));
    if (IsKernelPackage(name))
      return PackageVersion{std::move(record.name), std::move(record.version), record.size_bytes};
    if (record.kernel_dependency.empty())
      return absl::NotFoundError(absl::StrCat("package '", name, "' leads to no kernel"));
    name = std::move(record.kernel_dependency);
  }
  return absl::NotFoundError(absl::StrCat("package '", package, "' leads to no kernel"));
}

absl::StatusOr<fs::path> AptSource::Download(const PackageVersion& candidate, const fs::path& directory,
                                             const ProgressFn& progress, const std::stop_token& stop) const {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return ErrnoError(errno, "make a pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  BANGER_ASSIGN_OR_RETURN(const UniqueFd log, OpenFile(directory / "apt.log", O_RDWR | O_CREAT | O_TRUNC));
  BANGER_ASSIGN_OR_RETURN(
      Subprocess apt,
      Subprocess::Start(
          {.argv = Command(NewestLists().directory,
                           {"apt-get", "download", "-q", absl::StrCat(candidate.name, "=", candidate.version),
                            "-o", absl::StrCat("APT::Status-Fd=", kStatusFd)}),
           .working_dir = directory,
           .stdout_fd = log.get(),
           .stderr_fd = log.get(),
           .fds = {{kStatusFd, write_end.get()}}}));
  write_end.Reset();
  {
    const std::stop_callback on_stop(stop, [&apt] { apt.Signal(SIGTERM).IgnoreError(); });
    FollowStatus(read_end.get(),
                 {.stage = "download", .total_bytes = candidate.size_bytes, .detail = candidate.name},
                 progress);
  }
  BANGER_ASSIGN_OR_RETURN(const ExitStatus ended, apt.Wait(stop));
  if (stop.stop_requested()) return absl::CancelledError("the caller has left");
  if (ended.success()) return OnlyPackageIn(directory);
  BANGER_ASSIGN_OR_RETURN(const std::string said, ReadFile(directory / "apt.log"));
  const std::string error = LastError(said);
  return absl::UnavailableError(absl::StrCat("apt-get download: ", error.empty() ? ended.ToString() : error));
}

absl::StatusOr<fs::path> AptSource::ResolveAndDownload(const std::string& package, PackageVersion& candidate,
                                                       const fs::path& directory, const ProgressFn& progress,
                                                       const std::stop_token& stop) const {
  BANGER_ASSIGN_OR_RETURN(candidate, Resolve(package, stop));
  return Download(candidate, directory, progress, stop);
}

}  // namespace banger::kerneld
