// The distribution's own registry on loopback, as users run it. For tests.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/http/testing/http_server.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"

namespace banger {

// A key and a certificate for localhost and 127.0.0.1 that nobody vouches for.
struct SelfSigned {
  std::filesystem::path key, certificate;
  static absl::StatusOr<SelfSigned> Make(const std::filesystem::path& directory);
};

class DockerRegistry {
 public:
  enum class Auth { kNone, kBasic, kToken };
  struct Options {
    Auth auth = Auth::kNone;
    bool tls = false;
  };
  static constexpr char kUser[] = "user";
  static constexpr char kPassword[] = "s3cret";

  // Returns when it answers.
  static absl::StatusOr<std::unique_ptr<DockerRegistry>> Start(const Options& options);

  // "localhost:PORT".
  const std::string& host() const { return host_; }
  int port() const { return port_; }
  // The certificate, when it speaks TLS.
  std::filesystem::path ca() const { return directory_.path() / "tls.crt"; }

  // Puts an image of an OCI layout in a tar there, by skopeo.
  absl::Status Push(const std::string& layout_tar, const std::string& name, const std::string& format = "oci",
                    bool all = false) const;

 private:
  DockerRegistry(TempDir directory, const Options& options)
      : directory_(std::move(directory)), options_(options) {}
  std::string Config() const;
  absl::Status AddAuth();
  absl::Status Await();
  // Tokens for whatever is asked: pulls for everybody, all for the user.
  void GiveToken(const http::HttpServer::Request& request, http::HttpServer::Client& client) const;

  TempDir directory_;
  const Options options_;
  int port_ = 0;
  std::string host_;
  std::unique_ptr<http::HttpServer> tokens_;
  std::optional<Subprocess> process_;
};

}  // namespace banger
