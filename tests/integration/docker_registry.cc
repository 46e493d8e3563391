#include "tests/integration/docker_registry.h"

#include <arpa/inet.h>
#include <crypt.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/socket.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/os/unique_fd.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

using Json = nlohmann::json;

absl::StatusOr<int> FreePort() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return absl::InternalError("no free port");
  return ntohs(address.sin_port);
}

// user:HASH, as htpasswd -B writes it.
std::string HtpasswdLine() {
  char salt[CRYPT_GENSALT_OUTPUT_SIZE];
  ::crypt_gensalt_rn("$2b$", 5, nullptr, 0, salt, sizeof salt);
  // The registry knows the older name of the same thing.
  std::string hash = ::crypt(DockerRegistry::kPassword, salt);
  return absl::StrCat(DockerRegistry::kUser, ":", absl::StrReplaceAll(hash, {{"$2b$", "$2a$"}}), "\n");
}

std::string SignRs256(const std::string& text, const std::filesystem::path& key_file) {
  FILE* file = std::fopen(key_file.c_str(), "r");
  EVP_PKEY* key = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
  std::fclose(file);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::string signature(EVP_PKEY_get_size(key), '\0');
  std::size_t size = signature.size();
  EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key);
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                 reinterpret_cast<const unsigned char*>(text.data()), text.size());
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return signature.substr(0, size);
}

// "repository:a/b:pull,push" as an entry of a token.
Json AccessOf(const std::string& scope, bool may_push) {
  const std::vector<std::string> parts = absl::StrSplit(scope, ':');
  if (parts.size() != 3) return Json();
  std::vector<std::string> actions;
  for (const std::string& action : std::vector<std::string>(absl::StrSplit(parts[2], ',')))
    if (may_push || action == "pull") actions.push_back(action);
  return {{"type", parts[0]}, {"name", parts[1]}, {"actions", actions}};
}

}  // namespace

absl::StatusOr<SelfSigned> SelfSigned::Make(const std::filesystem::path& directory) {
  SelfSigned made{directory / "tls.key", directory / "tls.crt"};
  BANGER_RETURN_IF_ERROR(
      RunCommandOk({.argv = {"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                             made.key.string(), "-out", made.certificate.string(), "-days", "2", "-subj",
                             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"}})
          .status());
  return made;
}

absl::StatusOr<std::unique_ptr<DockerRegistry>> DockerRegistry::Start(const Options& options) {
  BANGER_ASSIGN_OR_RETURN(TempDir directory, TempDir::Create());
  std::unique_ptr<DockerRegistry> registry(new DockerRegistry(std::move(directory), options));
  const std::filesystem::path home = registry->directory_.path();
  BANGER_RETURN_IF_ERROR(SelfSigned::Make(home).status());
  BANGER_RETURN_IF_ERROR(WriteFileAtomically(home / "htpasswd", HtpasswdLine()));
  if (options.auth == Auth::kToken)
    registry->tokens_ = std::make_unique<http::HttpServer>(
        [raw = registry.get()](const auto& request, auto& client) { raw->GiveToken(request, client); });
  BANGER_ASSIGN_OR_RETURN(registry->port_, FreePort());
  registry->host_ = absl::StrCat("localhost:", registry->port_);
  BANGER_RETURN_IF_ERROR(WriteFileAtomically(home / "config.yml", registry->Config()));
  BANGER_ASSIGN_OR_RETURN(const UniqueFd log, OpenFile(home / "log", O_WRONLY | O_CREAT));
  BANGER_ASSIGN_OR_RETURN(
      registry->process_,
      Subprocess::Start({.argv = {"docker-registry", "serve", (home / "config.yml").string()},
                         .stdout_fd = log.get(),
                         .stderr_fd = log.get()}));
  BANGER_RETURN_IF_ERROR(registry->Await());
  return registry;
}

std::string DockerRegistry::Config() const {
  const std::string home = directory_.path().string();
  std::string http = absl::StrCat("http: {addr: 'localhost:", port_, "'");
  if (options_.tls)
    absl::StrAppend(&http, ", tls: {certificate: ", home, "/tls.crt, key: ", home, "/tls.key}");
  std::string auth;
  if (options_.auth == Auth::kBasic)
    auth = absl::StrCat("auth: {htpasswd: {realm: banger, path: ", home, "/htpasswd}}\n");
  if (options_.auth == Auth::kToken)
    auth = absl::StrCat("auth: {token: {realm: '", tokens_->Url("/token"),
                        "', service: banger-test, issuer: banger-issuer, rootcertbundle: ", home,
                        "/tls.crt}}\n");
  return absl::StrCat(
      "version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: ",
      home, "/data}}\n", http, "}\n", auth);
}

absl::Status DockerRegistry::Await() {
  const std::string url = absl::StrCat(options_.tls ? "https://" : "http://", host_, "/v2/");
  for (int i = 0; i < 300; ++i) {
    const auto asked = RunCommand({.argv = {"curl", "-ksS", "-o", "/dev/null", url}});
    if (asked.ok() && asked->status.success()) return absl::OkStatus();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return absl::UnavailableError(ReadFile(directory_.path() / "log").value_or("the registry does not start"));
}

absl::Status DockerRegistry::Push(const std::string& layout_tar, const std::string& name,
                                  const std::string& format, bool all) const {
  const std::filesystem::path tar = directory_.path() / "layout.tar";
  BANGER_RETURN_IF_ERROR(WriteFileAtomically(tar, layout_tar));
  std::vector<std::string> argv = {
      "skopeo", "--insecure-policy", "--tmpdir", directory_.path().string(), "copy", "--quiet"};
  if (all) argv.push_back("--all");
  argv.insert(argv.end(), {"--format", format, "--dest-tls-verify=false", "--dest-creds",
                           absl::StrCat(kUser, ":", kPassword), absl::StrCat("oci-archive:", tar.string()),
                           absl::StrCat("docker://", host_, "/", name)});
  return RunCommandOk({.argv = argv}).status();
}

void DockerRegistry::GiveToken(const http::HttpServer::Request& request,
                               http::HttpServer::Client& client) const {
  const std::string login = absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat(kUser, ":", kPassword)));
  const bool known = request.Header("authorization") == login;
  if (!known && !request.Header("authorization").empty()) {
    client.Send(http::Response("401 Unauthorized", {}, "{}"));
    return;
  }
  Json access = Json::array();
  const std::string query =
      request.target.substr(std::min(request.target.find('?'), request.target.size() - 1) + 1);
  for (const std::string& field : std::vector<std::string>(absl::StrSplit(query, '&'))) {
    if (!field.starts_with("scope=")) continue;
    const std::string scope =
        absl::StrReplaceAll(field.substr(6), {{"%3A", ":"}, {"%2F", "/"}, {"%2C", ","}});
    if (const Json entry = AccessOf(scope, known); !entry.is_null()) access.push_back(entry);
  }
  std::string pem = *ReadFile(directory_.path() / "tls.crt");
  pem = absl::StrReplaceAll(
      pem, {{"-----BEGIN CERTIFICATE-----", ""}, {"-----END CERTIFICATE-----", ""}, {"\n", ""}});
  const std::int64_t now = std::time(nullptr);
  const std::string header = Json{{"typ", "JWT"}, {"alg", "RS256"}, {"x5c", Json::array({pem})}}.dump();
  const std::string claims = Json{
      {"iss", "banger-issuer"},
      {"sub", known ? kUser : ""},
      {"aud", "banger-test"},
      {"exp", now + 300},
      {"nbf", now - 10},
      {"iat", now},
      {"jti", "1"},
      {"access", access}}.dump();
  const auto encode = [](const std::string& text) {
    std::string encoded = absl::WebSafeBase64Escape(text);
    encoded.resize(encoded.find_last_not_of('=') + 1);
    return encoded;
  };
  const std::string signed_part = absl::StrCat(encode(header), ".", encode(claims));
  const std::string token =
      absl::StrCat(signed_part, ".", encode(SignRs256(signed_part, directory_.path() / "tls.key")));
  client.Send(http::Response("200 OK", {"Content-Type: application/json"},
                             Json{{"token", token}, {"expires_in", 300}}.dump()));
}

}  // namespace banger
