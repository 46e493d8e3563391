#include "services/kerneld/kernel_service.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/rpc/server.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/kerneld/adapters/disk_store.h"
#include "services/kerneld/adapters/kernel_importer.h"
#include "services/kerneld/testing/fakes.h"
#include "services/kerneld/testing/kernel_files.h"

namespace banger::kerneld {
namespace {

namespace fs = std::filesystem;
namespace v1 = ::banger::kernel::v1;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

using Spec = v1::ImportKernelRequest::Spec;

// A client on a real socket before a real store; only apt is played.
class KernelServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(WriteFileAtomically(init_, "init"));
    ASSERT_OK_AND_ASSIGN(
        server_, rpc::Server::Start({.socket = dir_->path() / "sock", .configure = [this](auto& builder) {
                                       builder.RegisterService(&service_);
                                     }}));
    stub_ = v1::KernelService::NewStub(rpc::ConnectDaemon(dir_->path() / "sock"));
  }
  void TearDown() override { server_->Shutdown(1s); }

  static Spec MakeSpec(const std::string& name, v1::ImportKernelRequest::Format format) {
    Spec spec;
    spec.set_name(name);
    spec.set_format(format);
    spec.set_arch("x86_64");
    spec.set_source("file");
    return spec;
  }

  absl::StatusOr<v1::Kernel> Import(const Spec& spec, const std::string& bytes) {
    rpc::ClientCall call("r", 30s);
    const auto stream = stub_->ImportKernel(call.context());
    v1::ImportKernelRequest request;
    *request.mutable_spec() = spec;
    stream->Write(request);
    for (std::size_t at = 0; at < bytes.size(); at += 1000) {
      request.set_chunk(bytes.substr(at, 1000));
      if (!stream->Write(request)) break;
    }
    request.set_chunk("");
    stream->Write(request);
    stream->WritesDone();
    v1::Kernel kernel;
    v1::ImportKernelResponse response;
    while (stream->Read(&response))
      if (response.has_kernel()) kernel = response.kernel();
    const absl::Status status = rpc::FromGrpc(stream->Finish());
    if (!status.ok()) return status;
    return kernel;
  }
  absl::StatusOr<v1::ListKernelsResponse> List(int page_size, const std::string& token = {}) {
    rpc::ClientCall call("r", 30s);
    v1::ListKernelsRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    v1::ListKernelsResponse response;
    const absl::Status status = rpc::FromGrpc(stub_->ListKernels(call.context(), request, &response));
    if (!status.ok()) return status;
    return response;
  }
  absl::StatusOr<v1::ListCatalogEntriesResponse> ListAvailable(int page_size, const std::string& token = {}) {
    rpc::ClientCall call("r", 30s);
    v1::ListCatalogEntriesRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    v1::ListCatalogEntriesResponse response;
    const absl::Status status = rpc::FromGrpc(stub_->ListCatalogEntries(call.context(), request, &response));
    if (!status.ok()) return status;
    return response;
  }
  absl::StatusOr<v1::Kernel> Pull(const std::string& name) {
    rpc::ClientCall call("r", 30s);
    v1::PullKernelRequest request;
    request.set_name(name);
    const auto stream = stub_->PullKernel(call.context(), request);
    v1::PullKernelResponse response;
    v1::Kernel kernel;
    while (stream->Read(&response))
      if (response.has_kernel()) kernel = response.kernel();
    const absl::Status status = rpc::FromGrpc(stream->Finish());
    if (!status.ok()) return status;
    return kernel;
  }
  absl::Status Delete(const std::string& name) {
    rpc::ClientCall call("r", 30s);
    v1::DeleteKernelRequest request;
    request.set_name(name);
    v1::DeleteKernelResponse response;
    return rpc::FromGrpc(stub_->DeleteKernel(call.context(), request, &response));
  }
  absl::StatusOr<v1::GetKernelFilesResponse> Files(const std::string& name) {
    rpc::ClientCall call("r", 30s);
    v1::GetKernelFilesRequest request;
    request.set_name(name);
    v1::GetKernelFilesResponse response;
    const absl::Status status = rpc::FromGrpc(stub_->GetKernelFiles(call.context(), request, &response));
    if (!status.ok()) return status;
    return response;
  }
  bool NothingStaged() const { return fs::is_empty(root_ / ".staging"); }
  static std::string Names(const v1::ListKernelsResponse& page) {
    std::string names;
    for (const v1::Kernel& kernel : page.kernels()) absl::StrAppend(&names, kernel.name(), " ");
    return names;
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const fs::path root_ = dir_->path() / "kernels";
  const fs::path init_ = dir_->path() / "banger-initrd";
  const std::unique_ptr<DiskStore> store_ = *DiskStore::Open(root_);
  KernelImporter importer_{[this] { return absl::StatusOr<fs::path>(init_); }};
  FakePackages packages_;
  FakeTarballs tarballs_;
  FakeCatalogs catalogs_{{{.id = "debian-6.1", .apt_package = "p"}}};
  KernelManager kernels_{*store_, importer_, packages_, tarballs_, catalogs_};
  WorkerPool workers_{8, 8};
  KernelService service_{kernels_, workers_};
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<v1::KernelService::Stub> stub_;
};

TEST_F(KernelServiceTest, AnImportedKernelIsListedFoundAndDeleted) {
  const std::string deb = MakeDeb("data.tar", DebianTree().Build());
  Spec spec = MakeSpec("kernels/mine", v1::ImportKernelRequest::FORMAT_DEB);
  spec.set_total_bytes(static_cast<std::int64_t>(deb.size()));
  ASSERT_OK_AND_ASSIGN(const v1::Kernel kernel, Import(spec, deb));
  EXPECT_EQ(kernel.name(), "kernels/mine");
  EXPECT_EQ(kernel.source(), "import:file");
  EXPECT_TRUE(kernel.has_initrd());
  EXPECT_GT(kernel.import_time().seconds(), 1'700'000'000);
  ASSERT_OK_AND_ASSIGN(const auto files, Files("kernels/mine"));
  EXPECT_EQ(files.vmlinux_path(), root_ / "mine" / "vmlinux");
  EXPECT_EQ(files.initrd_path(), root_ / "mine" / "initrd.img");
  EXPECT_EQ(Files("")->kernel().name(), "kernels/mine") << "the default";
  EXPECT_EQ(Names(*List(0)), "kernels/mine ");
  EXPECT_EQ(ErrorReason(Import(spec, deb).status()), "KERNEL_EXISTS");
  EXPECT_OK(Delete("kernels/mine"));
  EXPECT_EQ(ErrorReason(Delete("kernels/mine")), "KERNEL_NOT_FOUND");
  EXPECT_EQ(ErrorReason(Files("").status()), "NO_KERNEL");
  EXPECT_TRUE(NothingStaged());
}

TEST_F(KernelServiceTest, ListsInPages) {
  for (const char* name : {"c", "a", "b"})
    ASSERT_OK(Import(MakeSpec(name, v1::ImportKernelRequest::FORMAT_IMAGE), MakeVmlinux()));
  ASSERT_OK_AND_ASSIGN(const auto first, List(2));
  EXPECT_EQ(Names(first), "kernels/a kernels/b ");
  ASSERT_OK_AND_ASSIGN(const auto second, List(2, first.next_page_token()));
  EXPECT_EQ(Names(second), "kernels/c ");
  EXPECT_EQ(second.next_page_token(), "");
  EXPECT_EQ(List(3)->next_page_token(), "");
  EXPECT_THAT(List(-1), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("page_size")));
  EXPECT_THAT(List(1, "../x"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("page_token")));
}

TEST_F(KernelServiceTest, WrongSpecsAreNamed) {
  const auto image = v1::ImportKernelRequest::FORMAT_IMAGE;
  EXPECT_EQ(ErrorReason(Import(MakeSpec("../x", image), "x").status()), "KERNEL_NAME_INVALID");
  EXPECT_THAT(Import(MakeSpec("x", v1::ImportKernelRequest::FORMAT_UNSPECIFIED), "x"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("spec.format")));
  Spec spec = MakeSpec("x", image);
  spec.set_source("/etc/passwd");
  EXPECT_THAT(Import(spec, "x"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("spec.source")));
  spec = MakeSpec("x", image);
  spec.set_total_bytes(-1);
  EXPECT_THAT(Import(spec, "x"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("total_bytes")));
  spec = MakeSpec("x", image);
  spec.set_distro("a\nb");
  EXPECT_THAT(Import(spec, "x"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("distro")));
}

TEST_F(KernelServiceTest, BytesWithoutASpecAreRefused) {
  rpc::ClientCall call("r", 30s);
  const auto stream = stub_->ImportKernel(call.context());
  v1::ImportKernelRequest request;
  request.set_chunk("x");
  stream->Write(request);
  EXPECT_THAT(rpc::FromGrpc(stream->Finish()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("spec")));
}

TEST_F(KernelServiceTest, AnUploadThatEndsTooSoonIsCorrupt) {
  Spec spec = MakeSpec("x", v1::ImportKernelRequest::FORMAT_IMAGE);
  spec.set_total_bytes(1'000'000);
  EXPECT_THAT(Import(spec, MakeVmlinux()), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("of 1000000")));
  EXPECT_EQ(Names(*List(0)), "");
  EXPECT_TRUE(NothingStaged());
}

TEST_F(KernelServiceTest, AnUploadThatIsCutOffLeavesNoTrace) {
  rpc::ClientCall call("r", 30s);
  const auto stream = stub_->ImportKernel(call.context());
  v1::ImportKernelRequest request;
  *request.mutable_spec() = MakeSpec("x", v1::ImportKernelRequest::FORMAT_IMAGE);
  stream->Write(request);
  request.set_chunk(MakeVmlinux());
  stream->Write(request);
  stream->WritesDone();
  v1::ImportKernelResponse progress;
  while (stream->Read(&progress)) EXPECT_FALSE(progress.has_kernel());
  EXPECT_THAT(rpc::FromGrpc(stream->Finish()), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("cut off")));
  EXPECT_EQ(Names(*List(0)), "");
  EXPECT_TRUE(NothingStaged());
}

TEST_F(KernelServiceTest, AHostileArchiveIsRefusedByName) {
  EXPECT_THAT(Import(MakeSpec("x", v1::ImportKernelRequest::FORMAT_TREE),
                     TarBuilder().File("../../evil", "x").Build()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("../../evil")));
  EXPECT_TRUE(NothingStaged());
}

TEST_F(KernelServiceTest, ACancelledUploadLeavesNoTraceAndHoldsNothingUp) {
  {
    rpc::ClientCall call("r", 30s);
    const auto stream = stub_->ImportKernel(call.context());
    v1::ImportKernelRequest request;
    *request.mutable_spec() = MakeSpec("x", v1::ImportKernelRequest::FORMAT_IMAGE);
    stream->Write(request);
    request.set_chunk(MakeVmlinux());
    stream->Write(request);
    // The stalled upload of one does not keep another from the same name.
    EXPECT_OK(Import(MakeSpec("x", v1::ImportKernelRequest::FORMAT_IMAGE), MakeVmlinux()));
    EXPECT_OK(Delete("x"));
    call.context()->TryCancel();
    EXPECT_THAT(rpc::FromGrpc(stream->Finish()), StatusIs(absl::StatusCode::kCancelled));
  }
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!NothingStaged() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(NothingStaged());
  EXPECT_EQ(Names(*List(0)), "");
}

TEST_F(KernelServiceTest, CatalogEntriesComeInPagesAndWarningsOnce) {
  catalogs_.entries = {{.id = "a", .kernel_version = "6.1", .apt_package = "p", .catalog = "built-in"},
                       {.id = "b", .tarball_url = "https://x/b", .size_bytes = 7, .catalog = "https://x/c"}};
  catalogs_.warnings = {"a catalog is away"};
  ASSERT_OK(Import(MakeSpec("b", v1::ImportKernelRequest::FORMAT_IMAGE), MakeVmlinux()));
  ASSERT_OK_AND_ASSIGN(const auto first, ListAvailable(1));
  ASSERT_EQ(first.entries_size(), 1);
  EXPECT_EQ(first.entries(0).name(), "kernels/a");
  EXPECT_EQ(first.entries(0).state(), v1::CatalogEntry::STATE_AVAILABLE);
  EXPECT_EQ(first.entries(0).catalog(), "built-in");
  EXPECT_EQ(first.warnings(0), "a catalog is away");
  ASSERT_OK_AND_ASSIGN(const auto second, ListAvailable(1, first.next_page_token()));
  ASSERT_EQ(second.entries_size(), 1);
  EXPECT_EQ(second.entries(0).state(), v1::CatalogEntry::STATE_UPDATE);
  EXPECT_EQ(second.entries(0).size_bytes(), 7);
  EXPECT_EQ(second.warnings_size(), 0);
  EXPECT_EQ(second.next_page_token(), "");
  EXPECT_THAT(ListAvailable(-1), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("page_size")));
}

TEST_F(KernelServiceTest, PullErrorsCarryTheirReason) {
  EXPECT_EQ(ErrorReason(Pull("kernels/none").status()), "CATALOG_ENTRY_NOT_FOUND");
  packages_.error = SourceUnreachable("apt:p", "no route");
  EXPECT_EQ(ErrorReason(Pull("kernels/debian-6.1").status()), "SOURCE_UNREACHABLE");
  packages_.error = absl::OkStatus();
  EXPECT_EQ(ErrorReason(Pull("kernels/debian-6.1").status()), "KERNEL_CORRUPT")
      << "the fake's package is none";
  EXPECT_TRUE(NothingStaged());
}

}  // namespace
}  // namespace banger::kerneld
