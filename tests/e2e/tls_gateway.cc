#include "tests/e2e/tls_gateway.h"

#include <unistd.h>

#include <regex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::e2e {
namespace fs = std::filesystem;
namespace {

absl::Status MakeCerts(const fs::path& dir, const std::vector<std::string>& what) {
  std::vector<std::string> argv = {BANGER_SOURCE_DIR "/scripts/make-certs", dir.string()};
  argv.insert(argv.end(), what.begin(), what.end());
  BANGER_ASSIGN_OR_RETURN(const CommandResult made, RunCommand({.argv = argv}));
  return made.status.success() ? absl::OkStatus() : absl::InternalError(made.err);
}

// The key is for the gateway's user alone.
absl::Status GiveToDaemons(const fs::path& dir) {
  if (::geteuid() != 0) return absl::OkStatus();
  if (::chown(dir.c_str(), kDaemonUid, kDaemonUid) < 0) return ErrnoError(errno, "chown the certificates");
  for (const auto& entry : fs::directory_iterator(dir))
    if (::chown(entry.path().c_str(), kDaemonUid, kDaemonUid) < 0)
      return ErrnoError(errno, absl::StrCat("chown '", entry.path().string(), "'"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TlsGateway> TlsGateway::Make() {
  BANGER_ASSIGN_OR_RETURN(TempDir dir, TempDir::Create());
  BANGER_RETURN_IF_ERROR(MakeCerts(dir.path(), {"server", "127.0.0.1", "localhost"}));
  for (const char* role : {"viewer", "operator", "admin"})
    BANGER_RETURN_IF_ERROR(MakeCerts(dir.path(), {"client", role, role}));
  BANGER_RETURN_IF_ERROR(GiveToDaemons(dir.path()));
  return TlsGateway(std::move(dir));
}

std::string TlsGateway::config(const std::string& listen) const {
  return absl::StrCat("[gateway]\nlisten = \"", listen, "\"\ncert = \"", File("server.pem"), "\"\nkey = \"",
                      File("server.key"), "\"\nclient_ca = \"", File("ca.pem"), "\"\nclient_crl = \"",
                      File("crl.pem"), "\"\n");
}

absl::StatusOr<std::string> TlsGateway::AddressOf(const Instance& instance) {
  BANGER_ASSIGN_OR_RETURN(const std::string log, ReadFile(instance.Log("gateway")));
  std::smatch match;
  if (!std::regex_search(log, match, std::regex("serving TCP .*port=([0-9]+)")))
    return absl::NotFoundError("the gateway's log names no port");
  return absl::StrCat("127.0.0.1:", match[1].str());
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> TlsGateway::Connect(const std::string& address,
                                                                   const std::string& role) const {
  grpc::SslCredentialsOptions options;
  BANGER_ASSIGN_OR_RETURN(options.pem_root_certs, ReadFile(File("ca.pem")));
  BANGER_ASSIGN_OR_RETURN(options.pem_private_key, ReadFile(File(role + ".key")));
  BANGER_ASSIGN_OR_RETURN(options.pem_cert_chain, ReadFile(File(role + ".pem")));
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 150);
  return grpc::CreateCustomChannel(address, grpc::SslCredentials(options), arguments);
}

}  // namespace banger::e2e
