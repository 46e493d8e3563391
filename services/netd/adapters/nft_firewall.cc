#include "services/netd/adapters/nft_firewall.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/netd/adapters/nft_generation.h"
#include "services/netd/adapters/opened_sets.h"
#include "services/netd/errors.h"

namespace banger::netd {

using std::chrono::steady_clock;

namespace {

std::set<std::string> ForeignFamilies(const Subnet& subnet) {
  if (subnet.has_ipv6()) return {"ip", "ip6", "inet"};
  return {"ip", "inet"};
}

}  // namespace

NftFirewall::NftFirewall(NftProgram nft, FirewallTarget target)
    : nft_(std::move(nft)),
      target_(std::move(target)),
      foreign_(nft_, target_.bridge, target_.mark, ForeignFamilies(target_.subnet)) {}

absl::StatusOr<std::string> NftFirewall::OwnerOfTable() const {
  const absl::StatusOr<std::string> listed = nft_.Query({"-t", "list", "table", "inet", TableName(target_)});
  if (absl::IsNotFound(listed.status())) return std::string();
  if (!listed.ok()) return listed.status();
  constexpr char kComment[] = "comment \"";
  const std::size_t begin = listed->find(kComment);
  if (begin == std::string::npos) return std::string("(no mark)");
  const std::size_t from = begin + sizeof kComment - 1;
  return listed->substr(from, listed->find('"', from) - from);
}

absl::Status NftFirewall::Apply(Rules rules) {
  if (!applied_.has_value()) {
    BANGER_ASSIGN_OR_RETURN(const std::string owner, OwnerOfTable());
    if (!owner.empty() && owner != target_.mark)
      return FirewallFailed(absl::StrCat("table inet ", TableName(target_), " belongs to ", owner));
    return Replace(std::move(rules));
  }
  const std::string change = ChangeText(target_, *applied_, rules, steady_clock::now());
  if (!change.empty() && !Change(change).ok()) return Replace(std::move(rules));
  applied_ = std::move(rules);
  return absl::OkStatus();
}

absl::Status NftFirewall::Change(const std::string& text) {
  const absl::StatusOr<std::uint32_t> before = NftGeneration();
  BANGER_RETURN_IF_ERROR(nft_.Execute(text));
  const absl::StatusOr<std::uint32_t> after = NftGeneration();
  const bool only_ours = before.ok() && after.ok() && generation_ == *before && *after == *before + 1;
  generation_ = only_ours ? std::optional(*after) : std::nullopt;
  return absl::OkStatus();
}

absl::Status NftFirewall::Replace(Rules rules) {
  is_clean_ = false;
  BANGER_RETURN_IF_ERROR(nft_.Execute(ReplaceText(target_, rules, steady_clock::now())));
  applied_ = std::move(rules);
  const absl::StatusOr<std::uint32_t> generation = NftGeneration();
  generation_ = generation.ok() ? std::optional(*generation) : std::nullopt;
  BANGER_ASSIGN_OR_RETURN(fingerprint_, Fingerprint());
  return foreign_.Ensure().status();
}

absl::StatusOr<bool> NftFirewall::IsInPlace() {
  if (!applied_.has_value()) return false;
  const absl::StatusOr<std::uint32_t> generation = NftGeneration();
  if (generation.ok() && generation_ == *generation) return true;
  const absl::StatusOr<std::string> now = Fingerprint();
  if (!now.ok() && !absl::IsNotFound(now.status())) return now.status();
  return now.ok() && *now == fingerprint_;
}

absl::StatusOr<bool> NftFirewall::Repair() {
  if (!applied_.has_value()) return false;
  const absl::StatusOr<std::uint32_t> generation = NftGeneration();
  if (generation.ok() && generation_ == *generation) return false;
  BANGER_ASSIGN_OR_RETURN(const bool in_place, IsInPlace());
  if (!in_place) {
    BANGER_RETURN_IF_ERROR(Replace(*applied_));
    return true;
  }
  BANGER_ASSIGN_OR_RETURN(const bool repaired, foreign_.Ensure());
  if (!repaired && generation.ok()) generation_ = *generation;
  return repaired;
}

absl::StatusOr<OpenedAddresses> NftFirewall::Opened() {
  BANGER_ASSIGN_OR_RETURN(const std::string owner, OwnerOfTable());
  if (owner != target_.mark) return OpenedAddresses();
  return ReadOpened(nft_, target_, steady_clock::now());
}

absl::StatusOr<std::string> NftFirewall::Fingerprint() const {
  std::string all;
  for (const char* family : {"bridge", "inet"}) {
    BANGER_ASSIGN_OR_RETURN(const std::string table,
                            nft_.Query({"-t", "-a", "list", "table", family, TableName(target_)}));
    absl::StrAppend(&all, table);
  }
  return all;
}

absl::Status NftFirewall::Remove() {
  if (is_clean_) return absl::OkStatus();
  BANGER_ASSIGN_OR_RETURN(const std::string owner, OwnerOfTable());
  applied_.reset();
  absl::Status removed = foreign_.Remove();
  if (owner.empty() || owner == target_.mark)
    removed = JoinErrors(removed, nft_.Execute(RemoveText(target_)));
  is_clean_ = removed.ok();
  return removed;
}

}  // namespace banger::netd
