#include "common/oci/reference.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/oci/digest.h"
#include "common/status/status_macros.h"

namespace banger::oci {
namespace {

constexpr char kDockerHub[] = "docker.io";
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxTag = 128;

bool IsLowerOrDigit(unsigned char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }

bool IsPort(absl::string_view text) {
  int port = 0;
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit) && absl::SimpleAtoi(text, &port) &&
         port >= 1 && port <= 65535;
}

bool IsHostName(absl::string_view text) {
  for (const absl::string_view label : absl::StrSplit(text, '.')) {
    if (label.empty() || label.front() == '-' || label.back() == '-') return false;
    if (!std::all_of(label.begin(), label.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c) || c == '-'; }))
      return false;
  }
  return true;
}

bool IsBracketedIpv6(absl::string_view text) {
  return text.size() > 4 && text.front() == '[' && text.back() == ']' &&
         text.find_first_not_of("0123456789abcdefABCDEF:.", 1) == text.size() - 1;
}

// A host name, an IPv4 address or a bracketed IPv6 address, perhaps with a port.
bool IsRegistry(absl::string_view text) {
  absl::string_view host = text;
  if (const std::size_t colon = text.rfind(':');
      colon != absl::string_view::npos && !absl::EndsWith(text, "]")) {
    if (!IsPort(text.substr(colon + 1))) return false;
    host = text.substr(0, colon);
  }
  return IsBracketedIpv6(host) || IsHostName(host);
}

bool LooksLikeRegistry(absl::string_view text) {
  return text == "localhost" || text.find_first_of(".:") != absl::string_view::npos ||
         std::any_of(text.begin(), text.end(), absl::ascii_isupper);
}

// a-z 0-9, in between "." "_" "__" or any number of "-".
bool IsPathPart(absl::string_view text) {
  if (text.empty() || !IsLowerOrDigit(text.front()) || !IsLowerOrDigit(text.back())) return false;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t begin = i;
    while (i < text.size() && !IsLowerOrDigit(text[i])) ++i;
    const absl::string_view separator = text.substr(begin, i - begin);
    const bool hyphens = separator.find_first_not_of('-') == absl::string_view::npos;
    if (!hyphens && separator != "." && separator != "_" && separator != "__") return false;
    while (i < text.size() && IsLowerOrDigit(text[i])) ++i;
  }
  return true;
}

bool IsTag(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxTag && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '-';
         });
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::CHexEscape(text.substr(0, 300)), "'");
}

absl::Status CheckRepository(absl::string_view repository) {
  if (repository.empty()) return absl::InvalidArgumentError("it names no repository");
  if (std::any_of(repository.begin(), repository.end(), absl::ascii_isupper))
    return absl::InvalidArgumentError(absl::StrCat("the repository ", Quoted(repository),
                                                   " has capitals; registries know small letters only"));
  for (const absl::string_view part : absl::StrSplit(repository, '/')) {
    if (part.empty()) return absl::InvalidArgumentError("it has a slash too many");
    if (!IsPathPart(part))
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted(part), " is not a-z 0-9 with single . _ or - in between"));
  }
  return absl::OkStatus();
}

// Ends `text` at the separator there; what follows it.
absl::string_view CutOff(absl::string_view& text, std::size_t at) {
  const absl::string_view rest = text.substr(at + 1);
  text = text.substr(0, at);
  return rest;
}

void SplitRegistry(absl::string_view name, Reference& reference) {
  const std::size_t slash = name.find('/');
  if (slash == absl::string_view::npos || !LooksLikeRegistry(name.substr(0, slash))) {
    reference.registry = kDockerHub;
    reference.repository = std::string(name);
  } else {
    reference.registry = std::string(name.substr(0, slash));
    reference.repository = std::string(name.substr(slash + 1));
  }
  if (reference.registry == "index.docker.io") reference.registry = kDockerHub;
  if (reference.registry == kDockerHub && !absl::StrContains(reference.repository, "/") &&
      !reference.repository.empty())
    reference.repository = absl::StrCat("library/", reference.repository);
}

absl::StatusOr<Reference> Parse(absl::string_view name) {
  Reference reference;
  if (name.empty()) return absl::InvalidArgumentError("it is empty");
  if (const std::size_t scheme = name.find("://"); scheme != absl::string_view::npos)
    return absl::InvalidArgumentError(absl::StrCat("leave out ", Quoted(name.substr(0, scheme + 3))));
  if (const std::size_t at = name.find('@'); at != absl::string_view::npos) {
    reference.digest = std::string(CutOff(name, at));
    if (!IsDigest(reference.digest))
      return absl::InvalidArgumentError(absl::StrCat(Quoted(reference.digest),
                                                     " is no digest: write sha256: and "
                                                     "64, or sha512: and 128, of 0-9 a-f"));
  }
  const std::size_t colon = name.rfind(':');
  const bool has_tag = colon != absl::string_view::npos && name.find('/', colon) == absl::string_view::npos;
  if (has_tag) {
    reference.tag = std::string(CutOff(name, colon));
    if (!IsTag(reference.tag))
      return absl::InvalidArgumentError(
          absl::StrCat("the tag ", Quoted(reference.tag), " is not 1 to 128 of a-z A-Z 0-9 _ . -"));
  }
  SplitRegistry(name, reference);
  if (!IsRegistry(reference.registry))
    return absl::InvalidArgumentError(
        absl::StrCat("the registry ", Quoted(reference.registry), " is no host with a port or without"));
  BANGER_RETURN_IF_ERROR(CheckRepository(reference.repository));
  if (reference.registry.size() + 1 + reference.repository.size() > kMaxName)
    return absl::InvalidArgumentError(absl::StrCat("its name has more than ", kMaxName, " characters"));
  if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
  return reference;
}

}  // namespace

std::string Reference::ToString() const {
  std::string text = absl::StrCat(registry, "/", repository);
  if (!tag.empty()) absl::StrAppend(&text, ":", tag);
  if (!digest.empty()) absl::StrAppend(&text, "@", digest);
  return text;
}

absl::StatusOr<Reference> ParseReference(absl::string_view text) {
  absl::StatusOr<Reference> reference = Parse(text);
  if (reference.ok()) return reference;
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(text), " is no image reference: ", reference.status().message()));
}

std::string ApiHost(const std::string& registry) {
  return registry == kDockerHub ? "registry-1.docker.io" : registry;
}

std::string ImageIdOf(const Reference& reference) {
  std::string id = reference.repository.substr(reference.repository.rfind('/') + 1);
  if (reference.tag.empty()) {
    absl::StrAppend(&id, "-", DigestHex(reference.digest).substr(0, 12));
  } else if (reference.tag != "latest") {
    absl::StrAppend(&id, "-", absl::AsciiStrToLower(reference.tag));
  }
  return id;
}

}  // namespace banger::oci
