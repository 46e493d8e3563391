#include "common/oci/registry_auth.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/archive/archive_reader.h"
#include "common/http/http_source.h"
#include "common/http/url.h"
#include "common/oci/token.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::oci {
namespace {

constexpr std::size_t kMaxTokenAnswer = 256 << 10;

// application/x-www-form-urlencoded, as queries have it, too.
std::string Encode(const std::string& text) {
  std::string encoded;
  for (const unsigned char c : text) {
    if (absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += static_cast<char>(c);
    } else {
      absl::StrAppend(&encoded, "%", absl::AsciiStrToUpper(absl::StrCat(absl::Hex(c, absl::kZeroPad2))));
    }
  }
  return encoded;
}

std::string Form(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string form;
  for (const auto& [name, value] : fields)
    if (!value.empty()) absl::StrAppend(&form, form.empty() ? "" : "&", name, "=", Encode(value));
  return form;
}

std::string Parameter(const Challenge& challenge, const std::string& name) {
  const auto it = challenge.parameters.find(name);
  return it == challenge.parameters.end() ? std::string() : it->second;
}

// The token server's own access: what a realm's URL is asked with.
class RealmAccess final : public http::Authorizer {
 public:
  explicit RealmAccess(Access access) : access_(std::move(access)) {}
  Access AccessTo(const std::string&) override { return access_; }
  absl::StatusOr<bool> Renew(const std::string&, const Access&, const http::ResponseHead&,
                             const std::stop_token&) override {
    return false;
  }

 private:
  const Access access_;
};

}  // namespace

http::Authorizer::Access RegistryAuth::AccessTo(const std::string& url) {
  if (http::OriginOf(url) != options_.origin) return {};
  const MutexLock lock(mutex_);
  if (expires_ && std::chrono::steady_clock::now() >= *expires_) authorization_.clear();
  return {.authorization = authorization_, .tls = options_.tls};
}

absl::StatusOr<bool> RegistryAuth::Renew(const std::string& url, const Access& used,
                                         const http::ResponseHead& head, const std::stop_token& stop) {
  if (http::OriginOf(url) != options_.origin) return false;
  const MutexLock lock(mutex_);
  // Another fetch has done it meanwhile.
  if (!authorization_.empty() && authorization_ != used.authorization) return true;
  BANGER_ASSIGN_OR_RETURN(std::string fresh, Authorize(head, stop));
  if (fresh.empty() || fresh == used.authorization) return false;
  authorization_ = std::move(fresh);
  return true;
}

absl::StatusOr<std::string> RegistryAuth::Authorize(const http::ResponseHead& head,
                                                    const std::stop_token& stop) {
  bool basic = false;
  for (const auto& [field, value] : head.fields) {
    if (field != "www-authenticate") continue;
    for (const Challenge& challenge : ParseChallenges(value)) {
      if (challenge.scheme == "bearer") return FetchToken(challenge, stop);
      basic = basic || challenge.scheme == "basic";
    }
  }
  expires_.reset();
  return basic ? Basic() : std::string();
}

absl::StatusOr<std::string> RegistryAuth::FetchToken(const Challenge& challenge,
                                                     const std::stop_token& stop) {
  const std::string realm = Parameter(challenge, "realm");
  const std::string where = absl::StrCat("token server '", absl::CHexEscape(realm.substr(0, 200)), "'");
  const bool both_here = http::IsLoopbackUrl(options_.origin) && http::IsLoopbackUrl(realm);
  if (!absl::StartsWithIgnoreCase(realm, "https://") && !both_here)
    return absl::FailedPreconditionError(absl::StrCat(where, " that the registry names is not https"));
  const Credentials& login = options_.credentials;
  const std::string service = Parameter(challenge, "service");
  // What the server says it needs; it knows best.
  const std::string asked = Parameter(challenge, "scope");
  const std::string& scope = asked.empty() ? options_.scope : asked;

  http::Authorizer::Access access{.tls = options_.tls};
  if (http::OriginOf(realm) != options_.origin) access.tls.client_cert_file = access.tls.client_key_file = "";
  http::FetchOptions fetch{
      .url = realm, .pool = options_.pool, .max_bytes = kMaxTokenAnswer, .max_redirects = 0};
  fetch.first_delay = options_.first_delay;
  fetch.connect_timeout = options_.connect_timeout;
  if (!login.identity_token.empty()) {
    fetch.form = Form({{"grant_type", "refresh_token"},
                       {"service", service},
                       {"client_id", "banger"},
                       {"scope", scope},
                       {"refresh_token", login.identity_token}});
  } else {
    access.authorization = Basic();
    const std::string query = Form({{"service", service}, {"scope", scope}, {"account", login.username}});
    if (!query.empty()) absl::StrAppend(&fetch.url, absl::StrContains(realm, '?') ? "&" : "?", query);
  }
  RealmAccess authorizer(std::move(access));
  fetch.authorizer = &authorizer;
  const absl::StatusOr<std::unique_ptr<http::HttpSource>> answer = http::HttpSource::Open(fetch, stop);
  if (absl::IsUnauthenticated(answer.status()) || absl::IsPermissionDenied(answer.status()))
    return absl::UnauthenticatedError(
        absl::StrCat(where, " refuses ", login.empty() ? "callers without a login" : "the login"));
  if (!answer.ok()) return Annotate(answer.status(), where);
  const absl::StatusOr<std::string> text = ReadAll(**answer, kMaxTokenAnswer);
  if (!text.ok()) return Annotate(text.status(), where);
  const absl::StatusOr<Token> token = ParseToken(*text);
  if (!token.ok()) return Annotate(token.status(), where);
  // A little early rather than refused once.
  expires_ = std::chrono::steady_clock::now() + token->lifetime * 9 / 10;
  return absl::StrCat("Bearer ", token->token);
}

std::string RegistryAuth::Basic() const {
  const Credentials& login = options_.credentials;
  if (login.username.empty()) return {};
  return absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat(login.username, ":", login.password)));
}

}  // namespace banger::oci
