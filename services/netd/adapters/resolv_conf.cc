#include "services/netd/adapters/resolv_conf.h"

#include <cstdint>
#include <utility>

#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "services/netd/adapters/confinement.h"

namespace banger::netd {
namespace {

constexpr std::int64_t kMaxSize = 64 << 10;

// In the helper: the text, or why there is none.
HelperProcess::Message ReadInHelper(const std::filesystem::path& file) {
  absl::StatusOr<std::string> text = ReadFile(file, kMaxSize);
  if (!text.ok()) return {"", std::string(text.status().message())};
  return {*std::move(text)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ResolvConf>> ResolvConf::Start(const std::filesystem::path& file,
                                                              std::function<void()> on_lost) {
  BANGER_ASSIGN_OR_RETURN(
      std::unique_ptr<HelperProcess> helper,
      HelperProcess::Start({.name = "netd-resolv",
                            .confine = [file] { return ConfineReader(file); },
                            .serve = [file](const HelperProcess::Message&) { return ReadInHelper(file); },
                            .on_lost = std::move(on_lost)}));
  return std::unique_ptr<ResolvConf>(new ResolvConf(std::move(helper)));
}

absl::StatusOr<std::string> ResolvConf::Read() const {
  BANGER_ASSIGN_OR_RETURN(HelperProcess::Message answer, helper_->Ask({}));
  if (answer.size() != 1) return absl::NotFoundError(answer.empty() ? "no answer" : answer.back());
  return std::move(answer.front());
}

}  // namespace banger::netd
