#include "services/imaged/image_service.h"

#include <chrono>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/archive/tar_builder.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/adapters/cache/blob_cache.h"
#include "services/imaged/adapters/disk_store.h"
#include "services/imaged/testing/fakes.h"
#include "services/imaged/testing/oci_layout.h"

namespace banger::imaged {
namespace {

namespace v1 = ::banger::image::v1;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Request = v1::ImportImageRequest;

std::string SmallRoot() {
  return TarBuilder().File("bin/sh", "#!x", 0755).File("etc/os-release", "PRETTY_NAME=Small\n").Build();
}

// The API as clients see it, over a store on disk.
class ImageServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(directory_, TempDir::Create());
    ASSERT_OK_AND_ASSIGN(DiskStore store, DiskStore::Open(images()));
    store_.emplace(std::move(store));
    catalog_.emplace(*store_, kernels_, "x86_64", [] { return 1700000000; });
    ASSERT_OK_AND_ASSIGN(cache_, BlobCache::Open(directory_.path() / "oci", std::int64_t{1} << 30));
    puller_.emplace(*catalog_, source_);
    service_.emplace(ImageService::Parts{*catalog_, *puller_, *store_, available_, *cache_, {}}, workers_);
    grpc::ServerBuilder builder;
    builder.RegisterService(&*service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::ImageService::NewStub(server_->InProcessChannel({}));
  }
  void TearDown() override { server_->Shutdown(std::chrono::system_clock::now() + 5s); }

  std::filesystem::path images() const { return directory_.path() / "images"; }

  static Request::Spec SpecFor(const std::string& id, const std::string& bytes) {
    Request::Spec spec;
    spec.set_name(absl::StrCat("images/", id));
    spec.set_format(Request::FORMAT_ROOTFS_TAR);
    spec.set_source("small.tar");
    spec.set_total_bytes(static_cast<std::int64_t>(bytes.size()));
    return spec;
  }

  absl::StatusOr<v1::Image> Import(const Request::Spec& spec, const std::string& bytes) {
    rpc::ClientCall call("r1", 30s);
    const auto stream = stub_->ImportImage(call.context());
    Request request;
    *request.mutable_spec() = spec;
    stream->Write(request);
    for (std::size_t i = 0; i < bytes.size(); i += 4096) {
      request.set_chunk(bytes.substr(i, 4096));
      if (!stream->Write(request)) break;
    }
    request.set_chunk("");
    stream->Write(request);
    stream->WritesDone();
    v1::ImportImageResponse response;
    std::optional<v1::Image> image;
    while (stream->Read(&response))
      if (response.has_image()) image = response.image();
    const absl::Status status = rpc::FromGrpc(stream->Finish());
    if (!status.ok()) return status;
    if (!image) return absl::InternalError("no image came");
    return *image;
  }
  absl::StatusOr<v1::Image> Import(const std::string& id) {
    return Import(SpecFor(id, SmallRoot()), SmallRoot());
  }

  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::ImageService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                   Response*),
                    const Request& request, Response& response) {
    rpc::ClientCall call("r1", 30s);
    return rpc::FromGrpc((stub_.get()->*method)(call.context(), request, &response));
  }

  absl::Status Delete(const std::string& name) {
    v1::DeleteImageRequest request;
    v1::DeleteImageResponse response;
    request.set_name(name);
    return Call(&v1::ImageService::Stub::DeleteImage, request, response);
  }

  absl::StatusOr<v1::Image> Pull(const v1::PullImageRequest& request) {
    rpc::ClientCall call("r1", 30s);
    const auto stream = stub_->PullImage(call.context(), request);
    v1::PullImageResponse response;
    v1::Image image;
    while (stream->Read(&response)) {
      if (response.has_progress()) stages_.push_back(response.progress().stage());
      if (response.has_image()) image = response.image();
    }
    const absl::Status status = rpc::FromGrpc(stream->Finish());
    if (!status.ok()) return status;
    return image;
  }
  absl::StatusOr<v1::Image> Pull(const std::string& reference, const std::string& name = "") {
    v1::PullImageRequest request;
    request.set_reference(reference);
    request.set_name(name);
    return Pull(request);
  }

  bool StagingIsEmpty() const { return std::filesystem::is_empty(images() / ".staging"); }

  TempDir directory_;
  WorkerPool workers_{8, 8};
  FakeKernels kernels_;
  FakeCatalogs available_;
  std::optional<DiskStore> store_;
  std::optional<ImageCatalog> catalog_;
  std::unique_ptr<BlobCache> cache_;
  FakeSource source_;
  std::optional<ImagePuller> puller_;
  std::optional<ImageService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ImageService::Stub> stub_;
  std::vector<std::string> stages_;
};

TEST_F(ImageServiceTest, APullShowsItsStagesAndEndsWithTheImage) {
  source_.writes = "not looked at here";
  ASSERT_OK_AND_ASSIGN(const v1::Image image, Pull("debian:bookworm"));
  EXPECT_EQ(image.name(), "images/debian-bookworm");
  EXPECT_EQ(image.digest(), "sha256:1");
  EXPECT_EQ(stages_, (std::vector<std::string>{"found"}));
  EXPECT_EQ(Pull("debian:bookworm", "images/other")->name(), "images/other");
  EXPECT_TRUE(StagingIsEmpty());
}

TEST_F(ImageServiceTest, PullsThatCannotBeAreRefusedBeforeAnybodyIsAsked) {
  EXPECT_EQ(ErrorReason(Pull("Debian").status()), "REFERENCE_INVALID");
  EXPECT_EQ(ErrorReason(Pull("").status()), "REFERENCE_INVALID");
  EXPECT_EQ(ErrorReason(Pull("debian", "debian").status()), "IMAGE_NAME_INVALID");
  v1::PullImageRequest request;
  request.set_reference("debian");
  request.set_kernel("k");
  EXPECT_EQ(ErrorReason(Pull(request).status()), "REQUEST_INVALID");
  EXPECT_EQ(source_.finds, 0);
}

TEST_F(ImageServiceTest, AnImportedImageIsThere) {
  ASSERT_OK_AND_ASSIGN(const v1::Image image, Import("small"));
  EXPECT_EQ(image.name(), "images/small");
  EXPECT_EQ(image.os(), "Small");
  EXPECT_EQ(image.source(), "import:small.tar");
  EXPECT_EQ(image.size_bytes(), 1 << 30);
  EXPECT_GT(image.disk_bytes(), 0);

  v1::GetImageRequest request;
  v1::GetImageResponse response;
  request.set_name("images/small");
  ASSERT_OK(Call(&v1::ImageService::Stub::GetImage, request, response));
  EXPECT_EQ(response.image().os(), "Small");
  EXPECT_TRUE(StagingIsEmpty());
}

TEST_F(ImageServiceTest, ImportsAnOciLayout) {
  TarBuilder tar;
  OciLayout layout;
  layout.Layer(tar.File("hello", "x")).config["config"] = {{"Cmd", {"/hello"}}};
  const std::string bytes = layout.Build();
  Request::Spec spec = SpecFor("hello", bytes);
  spec.set_format(Request::FORMAT_OCI_LAYOUT);
  ASSERT_OK_AND_ASSIGN(const v1::Image image, Import(spec, bytes));
  EXPECT_EQ(image.config().cmd(0), "/hello");
}

TEST_F(ImageServiceTest, RefusesASecondImageOfTheSameName) {
  ASSERT_OK(Import("small"));
  const absl::Status status = Import("small").status();
  EXPECT_EQ(ErrorReason(status), "IMAGE_EXISTS");
  EXPECT_EQ(GetErrorMetadata(status)["image"], "small");
}

TEST_F(ImageServiceTest, RefusesWhatCannotBeAskedFor) {
  const std::string root = SmallRoot();
  Request::Spec name = SpecFor("x", root), format = name, kernel = name, size = name, total = name;
  name.set_name("small");
  EXPECT_EQ(ErrorReason(Import(name, root).status()), "IMAGE_NAME_INVALID");
  format.set_format(Request::FORMAT_UNSPECIFIED);
  EXPECT_EQ(ErrorReason(Import(format, root).status()), "REQUEST_INVALID");
  kernel.set_kernel("kernels/none");
  EXPECT_EQ(ErrorReason(Import(kernel, root).status()), "KERNEL_NOT_FOUND");
  size.set_size_bytes(-5);
  EXPECT_EQ(ErrorReason(Import(size, root).status()), "REQUEST_INVALID");
  total.set_total_bytes(static_cast<std::int64_t>(root.size()) + 1);
  EXPECT_EQ(ErrorReason(Import(total, root).status()), "IMAGE_CORRUPT");
  EXPECT_TRUE(StagingIsEmpty());
  EXPECT_FALSE(std::filesystem::exists(images() / "x"));
}

TEST_F(ImageServiceTest, TheSpecComesFirst) {
  rpc::ClientCall call("r1", 30s);
  const auto stream = stub_->ImportImage(call.context());
  Request request;
  request.set_chunk("bytes");
  stream->Write(request);
  stream->WritesDone();
  EXPECT_EQ(ErrorReason(rpc::FromGrpc(stream->Finish())), "REQUEST_INVALID");
}

TEST_F(ImageServiceTest, AStreamThatIsCutOffLeavesNothing) {
  rpc::ClientCall call("r1", 30s);
  const auto stream = stub_->ImportImage(call.context());
  Request request;
  *request.mutable_spec() = SpecFor("small", SmallRoot());
  request.mutable_spec()->set_total_bytes(0);
  stream->Write(request);
  request.set_chunk(SmallRoot());
  stream->Write(request);
  stream->WritesDone();
  v1::ImportImageResponse progress;
  while (stream->Read(&progress)) EXPECT_FALSE(progress.has_image());
  EXPECT_EQ(ErrorReason(rpc::FromGrpc(stream->Finish())), "IMAGE_CORRUPT");
  EXPECT_TRUE(StagingIsEmpty());
  EXPECT_FALSE(std::filesystem::exists(images() / "small"));
}

TEST_F(ImageServiceTest, ACallerWhoLeavesLeavesNothing) {
  {
    rpc::ClientCall call("r1", 30s);
    const auto stream = stub_->ImportImage(call.context());
    Request request;
    *request.mutable_spec() = SpecFor("small", SmallRoot());
    stream->Write(request);
    request.set_chunk(SmallRoot().substr(0, 600));
    stream->Write(request);
    v1::ImportImageResponse progress;
    ASSERT_TRUE(stream->Read(&progress));  // it has begun
    call.context()->TryCancel();
    EXPECT_THAT(rpc::FromGrpc(stream->Finish()), StatusIs(absl::StatusCode::kCancelled));
  }
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!StagingIsEmpty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(StagingIsEmpty());
  EXPECT_FALSE(std::filesystem::exists(images() / "small"));
}

TEST_F(ImageServiceTest, ListsInPages) {
  for (const char* const id : {"b", "a", "c"}) ASSERT_OK(Import(id));
  v1::ListImagesRequest request;
  v1::ListImagesResponse first, second;
  request.set_page_size(2);
  ASSERT_OK(Call(&v1::ImageService::Stub::ListImages, request, first));
  ASSERT_EQ(first.images_size(), 2);
  EXPECT_EQ(first.images(0).name(), "images/a");
  request.set_page_token(first.next_page_token());
  ASSERT_OK(Call(&v1::ImageService::Stub::ListImages, request, second));
  ASSERT_EQ(second.images_size(), 1);
  EXPECT_EQ(second.images(0).name(), "images/c");
  EXPECT_EQ(second.next_page_token(), "");

  request.set_page_token("!!");
  EXPECT_EQ(ErrorReason(Call(&v1::ImageService::Stub::ListImages, request, second)), "REQUEST_INVALID");
  request.clear_page_token();
  request.set_page_size(-1);
  EXPECT_EQ(ErrorReason(Call(&v1::ImageService::Stub::ListImages, request, second)), "REQUEST_INVALID");
}

TEST_F(ImageServiceTest, ALeaseKeepsTheImageAndItsFiles) {
  ASSERT_OK(WriteFileAtomically(directory_.path() / "vmlinux", "kernel"));
  kernels_.kernels["k"] = {.id = "k", .vmlinux = directory_.path() / "vmlinux"};
  kernels_.default_id = "k";
  ASSERT_OK(Import("small"));
  v1::AcquireImageRequest request;
  v1::AcquireImageResponse acquired;
  request.set_name("images/small");
  request.set_lease("vms/1");
  ASSERT_OK(Call(&v1::ImageService::Stub::AcquireImage, request, acquired));
  ASSERT_OK(RemoveTree(directory_.path() / "vmlinux"));

  EXPECT_TRUE(std::filesystem::exists(acquired.rootfs_path()));
  EXPECT_THAT(ReadFile(acquired.vmlinux_path()), IsOkAndHolds("kernel"));
  EXPECT_EQ(acquired.initrd_path(), "");
  EXPECT_EQ(ErrorReason(Delete("images/small")), "IMAGE_IN_USE");

  v1::ListImageLeasesResponse leases;
  ASSERT_OK(Call(&v1::ImageService::Stub::ListImageLeases, v1::ListImageLeasesRequest(), leases));
  ASSERT_EQ(leases.leases_size(), 1);
  EXPECT_EQ(leases.leases(0).image(), "images/small");
  EXPECT_EQ(leases.leases(0).lease(), "vms/1");

  v1::ReleaseImageRequest release;
  v1::ReleaseImageResponse released;
  release.set_name("images/small");
  release.set_lease("vms/1");
  ASSERT_OK(Call(&v1::ImageService::Stub::ReleaseImage, release, released));
  EXPECT_OK(Delete("images/small"));
  EXPECT_EQ(ErrorReason(Delete("images/small")), "IMAGE_NOT_FOUND");
  EXPECT_OK(Call(&v1::ImageService::Stub::ReleaseImage, release, released));
}

TEST_F(ImageServiceTest, PruneFreesWhatTheCacheHolds) {
  const std::filesystem::path blob = directory_.path() / "oci" / "blobs" / "sha256" / std::string(64, 'a');
  ASSERT_OK(WriteFileAtomically(blob, "12345"));
  v1::PruneImageCacheRequest request;
  for (const bool dry_run : {true, false}) {
    v1::PruneImageCacheResponse pruned;
    request.set_dry_run(dry_run);
    ASSERT_OK(Call(&v1::ImageService::Stub::PruneImageCache, request, pruned));
    EXPECT_EQ(pruned.freed_bytes(), 5);
    EXPECT_EQ(pruned.removed_blobs(), 1);
    EXPECT_EQ(pruned.kept_bytes(), 0);
    EXPECT_EQ(std::filesystem::exists(blob), dry_run);
  }
}

TEST_F(ImageServiceTest, EqualImportsAtOnceGiveOneImage) {
  std::vector<std::thread> callers;
  std::atomic<int> made{0}, refused{0};
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      const absl::Status status = Import("small").status();
      if (status.ok()) ++made;
      if (ErrorReason(status) == "IMAGE_EXISTS") ++refused;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(made, 1);
  EXPECT_EQ(refused, 3);
}

}  // namespace
}  // namespace banger::imaged
