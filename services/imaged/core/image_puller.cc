#include "services/imaged/core/image_puller.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status/status_macros.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

// Whoever asks for something else, or as somebody else, cannot share a result.
// Lengths keep the parts apart.
std::string KeyOf(const PullSpec& spec) {
  const auto part = [](std::string* out, const std::string& text) {
    absl::StrAppend(out, text.size(), ":", text);
  };
  return absl::StrJoin({spec.id, spec.reference, spec.kernel, absl::StrCat(spec.size_bytes), spec.platform,
                        spec.login.username, spec.login.password, spec.login.identity_token,
                        std::string(spec.insecure ? "insecure" : "")},
                       ",", part);
}

}  // namespace

absl::StatusOr<Image> ImagePuller::Pull(const PullSpec& spec, const ProgressFn& progress,
                                        const std::stop_token& stop) {
  // One that never was elsewhere needs no look there.
  const absl::StatusOr<Image> old = catalog_.Get(spec.id);
  if (old.ok() && old->digest.empty()) return ImageExists(spec.id);
  if (!old.ok() && !absl::IsNotFound(old.status())) return old.status();
  const std::string key = KeyOf(spec);
  const ProgressFanout::Subscription subscription(progress_, key, progress);
  return pulls_.Do(key, stop, [this, key, spec](const std::stop_token& work_stop) {
    const auto tell_all = [this, &key](const Progress& step) { progress_.Send(key, step); };
    return PullOnce(spec, tell_all, work_stop);
  });
}

absl::StatusOr<Image> ImagePuller::PullOnce(const PullSpec& spec, const ProgressFn& progress,
                                            const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const RemoteImage remote, source_.Find(spec, progress, stop));
  absl::StatusOr<Image> image = catalog_.Pull(spec, remote, stop);
  // Whatever a stopped pull stumbled over at last.
  if (!image.ok() && stop.stop_requested()) return absl::CancelledError("the pull was stopped");
  return image;
}

}  // namespace banger::imaged
