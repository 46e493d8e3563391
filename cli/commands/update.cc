#include "cli/commands/update.h"

#include <sys/utsname.h>

#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "banger/progress/v1/progress.pb.h"
#include "cli/client.h"
#include "cli/doctor/store.h"
#include "cli/errors.h"
#include "cli/output/progress.h"
#include "cli/output/streams.h"
#include "cli/signals.h"
#include "cli/system/host_files.h"
#include "cli/system/this_host.h"
#include "cli/update/choose.h"
#include "cli/update/may_update.h"
#include "cli/update/systemd_host.h"
#include "cli/update/vet.h"
#include "common/config/config.h"
#include "common/config/system_paths.h"
#include "common/os/file_lock.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/version/version.h"

namespace banger::cli {
namespace {

// Root's, and gone with a reboot.
constexpr char kLock[] = "/run/banger-update.lock";

std::string Arch() {
  utsname name{};
  return ::uname(&name) == 0 ? name.machine : "";
}

absl::StatusOr<std::vector<Release>> Releases(const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const Paths paths, FindPaths());
  BANGER_ASSIGN_OR_RETURN(const Config config, LoadConfig(paths.config_files));
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path own, FindClientDir());
  return FetchReleases(config.update, own / "releases.json", stop);
}

std::string CheckJson(const std::optional<Release>& newest, bool is_newer) {
  const BuildInfo& build = GetBuildInfo();
  nlohmann::ordered_json json = {{"installed", {{"version", build.version}, {"commit", build.commit}}},
                                 {"update_available", is_newer}};
  if (newest.has_value())
    json["newest"] = {{"version", newest->version},
                      {"commit", newest->commit},
                      {"arch", newest->arch},
                      {"size_bytes", newest->tarball.size_bytes},
                      {"store_version", newest->store_version}};
  return json.dump(2) + "\n";
}

std::string CheckText(const std::optional<Release>& newest, bool is_newer) {
  const std::string version = GetBuildInfo().version;
  if (is_newer)
    return absl::StrCat("banger ", newest->version, " is there, and this is ", version,
                        ": 'sudo banger update' installs it\n");
  if (!newest.has_value()) return absl::StrCat("there is no release for ", Arch(), "\n");
  return absl::StrCat("banger ", version, " is up to date; the newest release is ", newest->version, "\n");
}

class UpdateCommand final : public Command {
 public:
  UpdateCommand()
      : Command({.path = "update",
                 .summary = "Replace banger by a newer release",
                 .description =
                     "Fetches the newest of the releases that update_url names and update_public_key\n"
                     "has signed, tries its programs, puts them in the place of this installation's and\n"
                     "restarts the daemons, while VMs go on running. A release that does not come up is\n"
                     "taken back. Refused while something is being done that a restart would cut off.\n"
                     "To be run as root; not for Debian packages. See docs/update.md.",
                 .examples = {{"banger update --check", "see whether there is a newer one"},
                              {"sudo banger update", "install it"},
                              {"sudo banger update --to 0.1.0", "go back to an older one"}}}) {}

  void Declare(Flags& flags) override {
    flags.Switch("--check", check_, "only say whether there is a newer one; needs no root");
    flags.Text("--to", "VERSION", to_, "that release, also when it is older");
    flags.Switch("--dry-run", dry_run_, "fetch, verify and try it, and replace nothing");
    flags.Choice("--format", "FORMAT", format_, {"table", "json"}, "how --check prints, default table");
  }

  absl::StatusOr<int> Run(Context& context) override {
    if (check_ && (dry_run_ || !to_.empty()))
      return UsageError("--check is for itself: neither with --to nor with --dry-run");
    if (!check_ && format_ != "table") return UsageError("--format is for --check");
    BANGER_RETURN_IF_ERROR(SpeakToThisHost());
    const absl::Status done = check_ ? Check(context.client.stop()) : UpdateThis(context);
    if (!done.ok()) return Annotate(NothingKept(done), check_ ? "look for releases" : "update banger");
    return kExitOk;
  }

 private:
  absl::Status Check(const std::stop_token& stop) {
    BANGER_ASSIGN_OR_RETURN(const std::vector<Release> releases, Releases(stop));
    const std::optional<Release> newest = NewestRelease(releases, Arch());
    const bool is_newer = newest.has_value() && IsNewer(newest->version, GetBuildInfo().version);
    return WriteStdout(format_ == "json" ? CheckJson(newest, is_newer) : CheckText(newest, is_newer));
  }

  absl::Status UpdateThis(Context& context) {
    const std::stop_token& stop = context.client.stop();
    BANGER_ASSIGN_OR_RETURN(const std::filesystem::path prefix, InstalledPrefix());
    BANGER_RETURN_IF_ERROR(CheckMayUpdate(prefix, stop));
    BANGER_ASSIGN_OR_RETURN(const FileLock lock, FileLock::Acquire(kLock));
    ::setenv("BANGER_SOCKET", SystemPaths().Socket("gateway").c_str(), 1);
    BANGER_RETURN_IF_ERROR(CheckNothingIsCutOff(context.client));
    SystemdHost host(prefix);
    Mover mover;
    const UpdateParts parts{
        .host = host, .mover = mover, .database = SystemPaths().state_dir / "vmd.sqlite3"};
    if (!dry_run_) BANGER_RETURN_IF_ERROR(DecideAnEarlierOne(parts, prefix, context.signals));

    const BuildInfo& build = GetBuildInfo();
    Installation here{.version = build.version, .commit = build.commit, .arch = Arch()};
    BANGER_ASSIGN_OR_RETURN(here.store_version, StoreVersion(parts.database));
    BANGER_ASSIGN_OR_RETURN(const std::vector<Release> releases, Releases(stop));
    BANGER_ASSIGN_OR_RETURN(const std::optional<Release> release, ChooseRelease(releases, here, to_));
    if (!release.has_value()) {
      Note(absl::StrCat("banger ", here.version, to_.empty() ? " is up to date" : " is here already"));
      return absl::OkStatus();
    }
    if (IsNewer(here.version, release->version))
      Note(absl::StrCat("banger ", release->version, " is older than what is here, ", here.version));
    return Replace(parts, prefix, *release, here, context);
  }

  static absl::Status DecideAnEarlierOne(const UpdateParts& parts, const std::filesystem::path& prefix,
                                         Signals& signals) {
    const std::optional<Staging> left = Staging::Find(prefix);
    if (!left.has_value()) return absl::OkStatus();
    const Uninterrupted whole(signals);
    BANGER_ASSIGN_OR_RETURN(const std::string said, Recover(parts, *left));
    Note(said);
    return absl::OkStatus();
  }

  absl::Status Replace(const UpdateParts& parts, const std::filesystem::path& prefix, const Release& release,
                       const Installation& here, Context& context) const {
    const std::stop_token& stop = context.client.stop();
    const std::string to = absl::StrCat(release.version, " (", release.commit, ")");
    BANGER_ASSIGN_OR_RETURN(const Staging staging, Staging::Create(prefix));
    std::mutex mutex;
    ProgressView view(absl::StrCat("update banger to ", release.version));
    const ProgressFn show = [&](const Progress& progress) {
      progress::v1::Progress message;
      message.set_stage(progress.stage);
      message.set_done_bytes(progress.done_bytes);
      message.set_total_bytes(progress.total_bytes);
      message.set_detail(progress.detail);
      const std::lock_guard hold(mutex);
      view.Show(message);
    };
    BANGER_RETURN_IF_ERROR(Download(release, staging, {}, show, stop));
    show({.stage = "unpack"});
    const absl::StatusOr<std::set<std::string>> files = Unpack(staging, stop);
    if (!files.ok()) return Annotate(files.status(), "the release");
    show({.stage = "try"});
    BANGER_RETURN_IF_ERROR(Annotate(VetRelease(release, staging.tree(), *files, stop), "the release"));
    if (dry_run_) {
      view.Clear();
      return WriteStdout(
          absl::StrCat("banger ", to, " would replace ", here.version, " (", here.commit, ")\n"));
    }
    BANGER_RETURN_IF_ERROR(CheckNothingIsCutOff(context.client));
    if (stop.stop_requested()) return absl::CancelledError("interrupted");
    show({.stage = "replace", .detail = "the daemons restart; VMs go on running"});
    const Uninterrupted whole(context.signals);
    BANGER_RETURN_IF_ERROR(InstallRelease(parts, staging, *files, release, here.version));
    view.Clear();
    Note(absl::StrCat("banger ", to, " runs; it was ", here.version, " (", here.commit, ")"));
    return absl::OkStatus();
  }

  // Ctrl-C waits until it is decided which of both stays.
  class Uninterrupted {
   public:
    explicit Uninterrupted(Signals& signals) : signals_(signals) {
      signals_.SetHandler([](int) {});
    }
    ~Uninterrupted() { signals_.SetHandler({}); }
    Uninterrupted(const Uninterrupted&) = delete;
    Uninterrupted& operator=(const Uninterrupted&) = delete;

   private:
    Signals& signals_;
  };

  bool check_ = false;
  bool dry_run_ = false;
  std::string to_;
  std::string format_ = "table";
};

}  // namespace

std::unique_ptr<Command> Update() { return std::make_unique<UpdateCommand>(); }

}  // namespace banger::cli
