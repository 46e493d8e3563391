// Images of ready file systems, in place and exported, as clients see them.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/adapters/cache/blob_cache.h"
#include "services/imaged/adapters/disk_store.h"
#include "services/imaged/image_service.h"
#include "services/imaged/testing/fakes.h"
#include "services/imaged/testing/sample_rootfs.h"

namespace banger::imaged {
namespace {

namespace fs = std::filesystem;
namespace v1 = ::banger::image::v1;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Import = v1::ImportImageRequest;
using Export = v1::ExportImageRequest;

class ImageFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(MakeDirectories(allowed_));
    ASSERT_OK(WriteSampleRootfs(file_));
    kernels_.default_id = "k";
    kernels_.kernels["k"] = {.id = "k", .vmlinux = dir_->path() / "vmlinux"};
    ASSERT_OK(WriteFileAtomically(dir_->path() / "vmlinux", "kernel"));
    Restart();
  }
  void TearDown() override { Stop(); }

  void Stop() {
    stub_.reset();
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + 5s);
    server_.reset();
  }
  // As after a restart of the daemon.
  void Restart() {
    Stop();
    ASSERT_OK_AND_ASSIGN(DiskStore store, DiskStore::Open(images()));
    store_.emplace(std::move(store));
    catalog_.emplace(*store_, kernels_, "x86_64", [] { return 1700000000; });
    puller_.emplace(*catalog_, source_);
    cache_.reset();
    ASSERT_OK_AND_ASSIGN(cache_, BlobCache::Open(dir_->path() / "oci", std::int64_t{1} << 30));
    service_.emplace(
        ImageService::Parts{
            *catalog_, *puller_, *store_, available_, *cache_, {.in_place_dirs = {allowed_.string()}}},
        workers_);
    grpc::ServerBuilder builder;
    builder.RegisterService(&*service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::ImageService::NewStub(server_->InProcessChannel({}));
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::ImageService::Stub::*method)(grpc::ClientContext*,
                                                                               const Request&, Response*),
                                const Request& request) {
    rpc::ClientCall call("r1", 30s);
    Response response;
    const absl::Status status = rpc::FromGrpc((stub_.get()->*method)(call.context(), request, &response));
    if (!status.ok()) return status;
    return response;
  }

  absl::Status Register(const std::string& id, const fs::path& path, const std::string& kernel = "") {
    v1::RegisterImageRequest request;
    request.set_name(absl::StrCat("images/", id));
    request.set_rootfs_path(path.string());
    request.set_kernel(kernel);
    return Call(&v1::ImageService::Stub::RegisterImage, request).status();
  }
  absl::StatusOr<v1::Image> Get(const std::string& id) {
    v1::GetImageRequest request;
    request.set_name(absl::StrCat("images/", id));
    const auto response = Call(&v1::ImageService::Stub::GetImage, request);
    if (!response.ok()) return response.status();
    return response->image();
  }
  absl::StatusOr<v1::AcquireImageResponse> Acquire(const std::string& id, const std::string& lease) {
    v1::AcquireImageRequest request;
    request.set_name(absl::StrCat("images/", id));
    request.set_lease(lease);
    return Call(&v1::ImageService::Stub::AcquireImage, request);
  }
  absl::Status Delete(const std::string& id) {
    v1::DeleteImageRequest request;
    request.set_name(absl::StrCat("images/", id));
    return Call(&v1::ImageService::Stub::DeleteImage, request).status();
  }
  absl::StatusOr<v1::Image> Promote(const std::string& id) {
    v1::PromoteImageRequest request;
    request.set_name(absl::StrCat("images/", id));
    rpc::ClientCall call("r1", 30s);
    const auto reader = stub_->PromoteImage(call.context(), request);
    v1::PromoteImageResponse response;
    v1::Image image;
    while (reader->Read(&response))
      if (response.has_image()) image = response.image();
    const absl::Status status = rpc::FromGrpc(reader->Finish());
    if (!status.ok()) return status;
    return image;
  }
  absl::Status ImportBytes(const std::string& id, Import::Format format, const std::string& bytes) {
    rpc::ClientCall call("r1", 60s);
    const auto stream = stub_->ImportImage(call.context());
    Import request;
    request.mutable_spec()->set_name(absl::StrCat("images/", id));
    request.mutable_spec()->set_format(format);
    stream->Write(request);
    for (std::size_t at = 0; at < bytes.size(); at += 1 << 20) {
      request.set_chunk(bytes.substr(at, 1 << 20));
      if (!stream->Write(request)) break;
    }
    request.set_chunk("");
    stream->Write(request);
    stream->WritesDone();
    v1::ImportImageResponse response;
    while (stream->Read(&response)) continue;
    return rpc::FromGrpc(stream->Finish());
  }
  absl::StatusOr<std::string> ExportBytes(const std::string& id, Export::Format format) {
    Export request;
    request.set_name(absl::StrCat("images/", id));
    request.set_format(format);
    rpc::ClientCall call("r1", 60s);
    const auto reader = stub_->ExportImage(call.context(), request);
    v1::ExportImageResponse response;
    std::string bytes;
    bool ended = false;
    while (reader->Read(&response)) {
      if (!response.has_chunk()) continue;
      EXPECT_FALSE(ended);
      ended = response.chunk().empty();
      bytes += response.chunk();
    }
    const absl::Status status = rpc::FromGrpc(reader->Finish());
    if (!status.ok()) return status;
    EXPECT_TRUE(ended);
    return bytes;
  }

  fs::path images() const { return dir_->path() / "images"; }
  bool StagingIsEmpty() const { return fs::is_empty(images() / ".staging"); }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const fs::path allowed_ = fs::canonical(dir_->path()) / "allowed";
  const fs::path file_ = allowed_ / "rootfs.ext4";
  WorkerPool workers_{8, 8};
  FakeKernels kernels_;
  FakeCatalogs available_;
  std::optional<DiskStore> store_;
  std::optional<ImageCatalog> catalog_;
  FakeSource source_;
  std::unique_ptr<BlobCache> cache_;
  std::optional<ImagePuller> puller_;
  std::optional<ImageService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ImageService::Stub> stub_;
};

TEST_F(ImageFilesTest, ARegisteredFileBootsWhereItIsAndStaysItsOwners) {
  ASSERT_OK(Register("mine", file_));
  ASSERT_OK_AND_ASSIGN(const v1::Image image, Get("mine"));
  EXPECT_TRUE(image.in_place());
  EXPECT_EQ(image.source(), "register:" + file_.string());
  EXPECT_EQ(image.os(), "Sample 1");
  EXPECT_EQ(image.disk_bytes(), 0);
  EXPECT_FALSE(fs::exists(images() / "mine/rootfs.ext4"));
  ASSERT_OK_AND_ASSIGN(const auto files, Acquire("mine", "vms/a"));
  EXPECT_EQ(files.rootfs_path(), file_.string());
  Restart();
  EXPECT_OK(Acquire("mine", "vms/b"));
  EXPECT_THAT(Delete("mine"), StatusIs(absl::StatusCode::kFailedPrecondition));
  for (const char* lease : {"vms/a", "vms/b"}) ASSERT_OK(catalog_->Release("mine", lease, {}));
  EXPECT_OK(Delete("mine"));
  EXPECT_TRUE(fs::exists(file_));
}

TEST_F(ImageFilesTest, AVmDoesNotStartFromARegisteredFileThatChanged) {
  ASSERT_OK(Register("mine", file_));
  fs::last_write_time(file_, fs::last_write_time(file_) + 1s);
  EXPECT_THAT(Acquire("mine", "vms/a"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("has changed since it was registered")));
  fs::remove(file_);
  EXPECT_THAT(Acquire("mine", "vms/a"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is gone")));
  EXPECT_TRUE(Get("mine")->in_place()) << "it is still listed";
  EXPECT_THAT(*catalog_->Leases(), IsEmpty());
  EXPECT_OK(Delete("mine"));
}

TEST_F(ImageFilesTest, OnlyFilesBelowTheConfiguredDirectoriesAreRegistered) {
  EXPECT_EQ(ErrorReason(Register("x", "/etc/passwd")), "PATH_NOT_ALLOWED");
  fs::create_symlink(file_, allowed_ / "link");
  EXPECT_EQ(ErrorReason(Register("x", allowed_ / "link")), "PATH_NOT_ALLOWED");
  EXPECT_EQ(ErrorReason(Register("x", "rootfs.ext4")), "REQUEST_INVALID");
  EXPECT_EQ(ErrorReason(Register("x", file_, "kernels/none")), "KERNEL_NOT_FOUND");
  ASSERT_OK(WriteFileAtomically(allowed_ / "text", "no file system"));
  EXPECT_EQ(ErrorReason(Register("x", allowed_ / "text")), "IMAGE_CORRUPT");
  EXPECT_EQ(ErrorReason(Get("x").status()), "IMAGE_NOT_FOUND");
  EXPECT_TRUE(StagingIsEmpty());
}

TEST_F(ImageFilesTest, APromotedImageIsBangersOwnAndKeepsItsLeases) {
  ASSERT_OK(Register("mine", file_));
  ASSERT_OK(Acquire("mine", "vms/a"));
  ASSERT_OK_AND_ASSIGN(const v1::Image image, Promote("mine"));
  EXPECT_FALSE(image.in_place());
  EXPECT_GT(image.disk_bytes(), 0);
  EXPECT_EQ(image.source(), "register:" + file_.string());
  fs::remove(file_);
  Restart();
  ASSERT_OK_AND_ASSIGN(const auto files, Acquire("mine", "vms/a"));
  EXPECT_EQ(files.rootfs_path(), (images() / "mine/rootfs.ext4").string());
  EXPECT_THAT(Delete("mine"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_OK(Promote("mine")) << "again";
  EXPECT_TRUE(StagingIsEmpty());
}

TEST_F(ImageFilesTest, AFileThatChangedIsNotPromoted) {
  ASSERT_OK(Register("mine", file_));
  fs::last_write_time(file_, fs::last_write_time(file_) + 1s);
  EXPECT_EQ(ErrorReason(Promote("mine").status()), "IMAGE_CORRUPT");
  EXPECT_TRUE(Get("mine")->in_place());
  EXPECT_EQ(ErrorReason(Promote("none").status()), "IMAGE_NOT_FOUND");
  EXPECT_TRUE(StagingIsEmpty());
}

TEST_F(ImageFilesTest, WhatIsExportedCanBeImported) {
  const std::string rootfs = *ReadFile(file_, 128 << 20);
  ASSERT_OK(ImportBytes("plain", Import::FORMAT_EXT4, rootfs));
  ASSERT_OK_AND_ASSIGN(const std::string bundle, ExportBytes("plain", Export::FORMAT_BUNDLE));
  ASSERT_OK(ImportBytes("again", Import::FORMAT_BUNDLE, bundle));
  EXPECT_TRUE(*ReadFile(images() / "again/rootfs.ext4", 128 << 20) == rootfs);
  ASSERT_OK_AND_ASSIGN(const std::string archive, ExportBytes("again", Export::FORMAT_OCI_ARCHIVE));
  ASSERT_OK(ImportBytes("oci", Import::FORMAT_OCI_LAYOUT, archive));
  EXPECT_EQ(Get("oci")->os(), "Sample 1");
  EXPECT_TRUE(StagingIsEmpty());
}

TEST_F(ImageFilesTest, WhatCannotBeExportedIsNamed) {
  EXPECT_EQ(ErrorReason(ExportBytes("none", Export::FORMAT_BUNDLE).status()), "IMAGE_NOT_FOUND");
  ASSERT_OK(Register("mine", file_));
  EXPECT_EQ(ErrorReason(ExportBytes("mine", Export::FORMAT_UNSPECIFIED).status()), "REQUEST_INVALID");
  EXPECT_OK(ExportBytes("mine", Export::FORMAT_BUNDLE));
  fs::remove(file_);
  EXPECT_EQ(ErrorReason(ExportBytes("mine", Export::FORMAT_BUNDLE).status()), "IMAGE_CORRUPT");
  EXPECT_TRUE(StagingIsEmpty());
}

TEST_F(ImageFilesTest, DamagedReadyFileSystemsLeaveNothing) {
  const std::string rootfs = *ReadFile(file_, 128 << 20);
  EXPECT_EQ(ErrorReason(ImportBytes("x", Import::FORMAT_EXT4, rootfs.substr(0, 1 << 20))), "IMAGE_CORRUPT");
  const std::string bundle = SampleBundle(rootfs);
  EXPECT_EQ(ErrorReason(ImportBytes("x", Import::FORMAT_BUNDLE, bundle.substr(0, bundle.size() / 2))),
            "IMAGE_CORRUPT");
  EXPECT_EQ(ErrorReason(Get("x").status()), "IMAGE_NOT_FOUND");
  EXPECT_TRUE(StagingIsEmpty());
}

TEST_F(ImageFilesTest, CatalogsAreListedByPages) {
  available_.entries = {{.id = "a", .arch = "x86_64", .oci_reference = "r/a:1", .catalog = "built-in"},
                        {.id = "b", .arch = "x86_64", .size_bytes = 5},
                        {.id = "c", .arch = "x86_64"}};
  available_.warnings = {"image catalog x: gone"};
  v1::ListCatalogImagesRequest request;
  request.set_page_size(2);
  ASSERT_OK_AND_ASSIGN(const auto first, Call(&v1::ImageService::Stub::ListCatalogImages, request));
  ASSERT_EQ(first.images_size(), 2);
  EXPECT_EQ(first.images(0).name(), "images/a");
  EXPECT_EQ(first.images(0).state(), v1::CatalogImage::STATE_AVAILABLE);
  EXPECT_EQ(first.images(1).size_bytes(), 5);
  EXPECT_THAT(first.warnings(), ElementsAre("image catalog x: gone"));
  request.set_page_token(first.next_page_token());
  ASSERT_OK_AND_ASSIGN(const auto second, Call(&v1::ImageService::Stub::ListCatalogImages, request));
  ASSERT_EQ(second.images_size(), 1);
  EXPECT_EQ(second.images(0).name(), "images/c");
  EXPECT_EQ(second.next_page_token(), "");
  EXPECT_THAT(second.warnings(), IsEmpty());
}

}  // namespace
}  // namespace banger::imaged
