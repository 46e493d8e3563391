// kerneld is killed again and again in the middle of pulls that replace a
// kernel: what is there after the next start is one of both kernels, whole.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "common/archive/compress_for_tests.h"
#include "common/digest/sha256.h"
#include "common/digest/testing/minisign_signer.h"
#include "common/http/testing/http_server.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/os/unix_socket.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/sync/mutex.h"
#include "common/testing/status_matchers.h"
#include "services/kerneld/testing/kernel_files.h"

namespace banger {
namespace {

namespace fs = std::filesystem;
namespace v1 = ::banger::kernel::v1;
using namespace std::chrono_literals;
using Request = http::HttpServer::Request;
using Client = http::HttpServer::Client;

// Big enough for a kill to find it half unpacked.
std::string Payload(const std::string& version) {
  std::mt19937 random(static_cast<unsigned>(version.size()));
  std::string bytes = version;
  while (bytes.size() < 4 << 20) bytes += static_cast<char>(random());
  return bytes;
}

std::string MakeBundle(const std::string& version) {
  TarBuilder tar;
  tar.File("vmlinux", kerneld::MakeVmlinux({.version = version}));
  tar.File("modules/modules.builtin", "kernel/drivers/block/virtio_blk.ko\n");
  tar.File("modules/payload", Payload(version));
  return CompressForTests(tar.Build(), "zstd");
}

class KerneldKillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(WriteFileAtomically(dir_->path() / "config.toml",
                                  absl::StrCat("[[kernel_catalogs]]\nurl = \"", server_.Url("/catalog.json"),
                                               "\"\npublic_key = \"", signer_.public_key(), "\"\n")));
  }

  // From now on the catalog has that one.
  void Offer(const std::string& version, const std::string& bundle) {
    const std::string file = absl::StrCat("/", version, ".tar.zst");
    const std::string catalog = absl::StrCat("{\"version\": ", ++catalog_version_,
                                             ", \"entries\": [{\"name\": \"k\", \"arch\": \"x86_64\", "
                                             "\"tarball_url\": \"",
                                             server_.Url(file), "\", \"tarball_sha256\": \"",
                                             Sha256Hex(bundle), "\", \"size_bytes\": ", bundle.size(), "}]}");
    const MutexLock lock(mutex_);
    files_ = {{"/catalog.json", catalog}, {"/catalog.json.minisig", signer_.Sign(catalog)}, {file, bundle}};
  }
  void Answer(const Request& request, Client& client) {
    std::string content;
    {
      const MutexLock lock(mutex_);
      content = files_[request.target];
    }
    http::ServedFile{.content = content}.Answer(request, client);
  }

  void StartDaemon() {
    auto daemon = Subprocess::Start(
        {.argv = {BANGER_KERNELD}, .env = std::vector<std::string>{"BANGER_ROOT=" + dir_->path().string()}});
    ASSERT_OK(daemon);
    daemon_.emplace(*std::move(daemon));
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!ConnectUnix(Socket()).ok() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    stub_ = v1::KernelService::NewStub(rpc::ConnectDaemon(Socket()));
  }
  fs::path Socket() const { return dir_->path() / "run/kerneld.sock"; }
  fs::path Kernels() const { return dir_->path() / "state/kernels"; }

  absl::Status Pull() {
    rpc::ClientCall call("r", 60s);
    v1::PullKernelRequest request;
    request.set_name("kernels/k");
    request.set_force(true);
    const auto stream = stub_->PullKernel(call.context(), request);
    v1::PullKernelResponse response;
    while (stream->Read(&response)) {
    }
    return rpc::FromGrpc(stream->Finish());
  }
  // The version that is there, after a look at every file of it.
  std::string WholeVersion() {
    rpc::ClientCall call("r", 60s);
    v1::GetKernelRequest request;
    request.set_name("kernels/k");
    v1::GetKernelResponse response;
    EXPECT_OK(rpc::FromGrpc(stub_->GetKernel(call.context(), request, &response)));
    const std::string version = response.kernel().kernel_version();
    EXPECT_TRUE(*ReadFile(Kernels() / "k/vmlinux") == kerneld::MakeVmlinux({.version = version}));
    EXPECT_TRUE(*ReadFile(Kernels() / "k/modules/payload") == Payload(version));
    return version;
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create("/tmp");
  const MinisignSigner signer_;
  int catalog_version_ = 0;
  Mutex mutex_;
  std::map<std::string, std::string> files_ ABSL_GUARDED_BY(mutex_);
  http::HttpServer server_{[this](const Request& request, Client& client) { Answer(request, client); }};
  std::optional<Subprocess> daemon_;
  std::unique_ptr<v1::KernelService::Stub> stub_;
};

TEST_F(KerneldKillTest, AReplacementThatIsKilledAnywhereLeavesOneWholeKernel) {
  constexpr int kKills = 50;
  const std::map<std::string, std::string> bundles = {{"6.1-a", MakeBundle("6.1-a")},
                                                      {"6.2-bb", MakeBundle("6.2-bb")}};
  StartDaemon();
  Offer("6.1-a", bundles.at("6.1-a"));
  const auto began = std::chrono::steady_clock::now();
  ASSERT_OK(Pull());
  const auto whole =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);

  std::mt19937 random(7);
  std::string here = "6.1-a";
  int replaced = 0;
  for (int i = 0; i < kKills; ++i) {
    const std::string next = here == "6.1-a" ? "6.2-bb" : "6.1-a";
    Offer(next, bundles.at(next));
    std::jthread caller([this] { Pull().IgnoreError(); });
    // Any moment of a pull, and a little behind it.
    std::this_thread::sleep_for(whole * (random() % 120) / 100);
    ASSERT_OK(daemon_->Signal(SIGKILL));
    ASSERT_OK(daemon_->Wait());
    caller.join();
    StartDaemon();
    EXPECT_TRUE(fs::is_empty(Kernels() / ".staging")) << i;
    const std::string found = WholeVersion();
    ASSERT_TRUE(found == here || found == next) << i << ": " << found;
    replaced += found == next ? 1 : 0;
    here = found;
  }
  RecordProperty("replaced", replaced);
  Offer("6.2-bb", bundles.at("6.2-bb"));
  EXPECT_OK(Pull());
  EXPECT_EQ(WholeVersion(), "6.2-bb");
}

}  // namespace
}  // namespace banger
