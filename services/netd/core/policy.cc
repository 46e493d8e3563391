#include "services/netd/core/policy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/status/status_macros.h"
#include "services/netd/core/endpoint.h"
#include "services/netd/errors.h"

namespace banger::netd {
namespace {

constexpr std::size_t kMaxEntries = 256;
constexpr std::size_t kMaxDomainLength = 253;

bool IsLabel(absl::string_view label) {
  const auto allowed = [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), allowed);
}

absl::StatusOr<std::string> NormalDomain(const std::string& text) {
  const std::string domain = absl::AsciiStrToLower(absl::StripSuffix(text, "."));
  const std::vector<absl::string_view> labels = absl::StrSplit(absl::StripPrefix(domain, "*."), '.');
  if (domain.size() > kMaxDomainLength || !std::all_of(labels.begin(), labels.end(), IsLabel))
    return PolicyInvalid(absl::StrCat("'", text.substr(0, 80), "' is neither a network nor a domain name"));
  return domain;
}

template <typename T>
void SortUnique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

// Sorted, a network stands before all that are within it.
std::vector<Prefix> Merged(std::vector<Prefix> networks) {
  SortUnique(networks);
  std::vector<Prefix> merged;
  for (const Prefix& network : networks)
    if (merged.empty() || !merged.back().Contains(network)) merged.push_back(network);
  return merged;
}

}  // namespace

absl::StatusOr<Policy> NormalPolicy(Policy policy) {
  Egress& egress = policy.egress;
  if (std::max({egress.networks.size(), egress.domains.size(), policy.peers.size()}) > kMaxEntries)
    return PolicyInvalid(absl::StrCat("more than ", kMaxEntries, " entries of one kind"));
  if (egress.mode != Egress::Mode::kListed && !(egress.networks.empty() && egress.domains.empty()))
    return PolicyInvalid("it lists networks or domains, but allows all or none");
  for (std::string& domain : egress.domains) {
    BANGER_ASSIGN_OR_RETURN(domain, NormalDomain(domain));
  }
  for (const std::string& peer : policy.peers) BANGER_RETURN_IF_ERROR(CheckEndpointId(peer));
  SortUnique(egress.domains);
  SortUnique(policy.peers);
  egress.networks = Merged(std::move(egress.networks));
  return policy;
}

bool IsListedDomain(const Egress& egress, absl::string_view name) {
  const std::string wanted = absl::AsciiStrToLower(absl::StripSuffix(name, "."));
  return std::any_of(egress.domains.begin(), egress.domains.end(), [&](const std::string& domain) {
    // "*.example.com" is what ends with ".example.com".
    return absl::StartsWith(domain, "*.") ? absl::EndsWith(wanted, domain.substr(1)) : wanted == domain;
  });
}

}  // namespace banger::netd
