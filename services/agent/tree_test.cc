// ReadTree and WriteTree as vmd sees them, on this machine's files.
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/archive/tar_builder.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/agent/guest_service.h"

namespace banger::agent {
namespace {

namespace fs = std::filesystem;
namespace v1 = guest::v1;
using ::testing::HasSubstr;
using Stream = grpc::ClientReaderWriter<v1::WriteTreeRequest, v1::WriteTreeResponse>;

class TreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    const std::string socket = absl::StrCat("unix:", (socket_dir_.path() / "agent").string());
    builder.AddListeningPort(socket, grpc::InsecureServerCredentials());
    server_ = builder.BuildAndStart();
    stub_ = v1::GuestService::NewStub(grpc::CreateChannel(socket, grpc::InsecureChannelCredentials()));
  }
  void TearDown() override { server_->Shutdown(std::chrono::system_clock::now()); }

  // The tar, if it came to its end.
  absl::StatusOr<std::string> Read(const std::string& path, const std::string& name) {
    grpc::ClientContext context;
    v1::ReadTreeRequest request;
    request.mutable_source()->set_path(path);
    request.mutable_source()->set_name(name);
    const auto reader = stub_->ReadTree(&context, request);
    std::string tar;
    bool whole = false;
    root_.reset();
    for (v1::ReadTreeResponse response; reader->Read(&response);) {
      if (response.has_root()) root_ = response.root();
      EXPECT_LE(response.chunk().size(), 256U << 10);
      tar += response.chunk();
      whole = response.has_summary();
    }
    const absl::Status status = rpc::FromGrpc(reader->Finish());
    if (!status.ok()) return status;
    EXPECT_TRUE(whole);
    return tar;
  }

  std::unique_ptr<Stream> Begin(grpc::ClientContext& context, const tree::v1::Target& target) {
    auto stream = stub_->WriteTree(&context);
    v1::WriteTreeRequest request;
    *request.mutable_target() = target;
    stream->Write(request);
    return stream;
  }
  static void Send(Stream& stream, const std::string& chunk) {
    v1::WriteTreeRequest request;
    request.set_chunk(chunk);
    stream.Write(request);
  }
  absl::StatusOr<tree::v1::Summary> Write(const std::string& tar, const tree::v1::Target& target) {
    grpc::ClientContext context;
    const auto stream = Begin(context, target);
    for (std::size_t at = 0; at < tar.size(); at += 100'000) Send(*stream, tar.substr(at, 100'000));
    Send(*stream, "");
    tree::v1::Summary summary;
    for (v1::WriteTreeResponse response; stream->Read(&response);)
      if (response.has_summary()) summary = response.summary();
    const absl::Status status = rpc::FromGrpc(stream->Finish());
    if (!status.ok()) return status;
    return summary;
  }
  tree::v1::Target Target(const std::string& name, const std::string& in_tar) const {
    tree::v1::Target target;
    target.set_path((dir_.path() / name).string());
    target.set_name(in_tar);
    // Root may not be us.
    if (::geteuid() != 0) target.set_user(std::to_string(::geteuid()) + ":" + std::to_string(::getegid()));
    return target;
  }

  const TempDir socket_dir_ = *TempDir::Create("/tmp");
  const TempDir dir_ = *TempDir::Create();
  WorkerPool workers_{8, 8};
  GuestService service_{workers_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::GuestService::Stub> stub_;
  std::optional<tree::v1::Root> root_;
};

TEST_F(TreeTest, WhatIsReadCanBeWritten) {
  ASSERT_OK(MakeDirectories(dir_.path() / "tree/sub", 0750));
  ASSERT_OK(WriteFileAtomically(dir_.path() / "tree/sub/big", std::string(5 << 20, 'b'), 0755));
  fs::create_symlink("sub/big", dir_.path() / "tree/link");
  ASSERT_OK_AND_ASSIGN(const std::string tar, Read((dir_.path() / "tree").string(), "t"));
  EXPECT_TRUE(root_->directory());
  ASSERT_OK_AND_ASSIGN(const tree::v1::Summary summary, Write(tar, Target("copy", "t")));
  EXPECT_EQ(summary.file_count(), 1);
  EXPECT_EQ(summary.data_bytes(), 5 << 20);
  EXPECT_EQ(ReadFile(dir_.path() / "copy/sub/big")->size(), 5U << 20);
  EXPECT_EQ(fs::read_symlink(dir_.path() / "copy/link"), "sub/big");
}

TEST_F(TreeTest, ASourceThatIsALinkIsFollowed) {
  ASSERT_OK(WriteFileAtomically(dir_.path() / "real", "content"));
  fs::create_symlink("real", dir_.path() / "link");
  ASSERT_OK_AND_ASSIGN(const std::string tar, Read((dir_.path() / "link").string(), "name"));
  EXPECT_EQ(root_->size_bytes(), 7);
  EXPECT_OK(Write(tar, Target("copy", "name")));
  EXPECT_THAT(ReadFile(dir_.path() / "copy"), IsOkAndHolds("content"));
}

TEST_F(TreeTest, OwnersAreAsAskedFor) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  const std::string tar = TarBuilder().Add({.path = "x", .mode = 04755, .uid = 1234, .gid = 4321}).Build();
  struct stat info {};
  tree::v1::Target target = Target("x", "x");
  EXPECT_OK(Write(tar, target));
  ASSERT_EQ(::stat(target.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0U);
  EXPECT_EQ(info.st_mode & 07777, 0755U);
  target.set_user("nobody");
  EXPECT_OK(Write(tar, target));
  ASSERT_EQ(::stat(target.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 65534U);
  target.set_keep_owners(true);
  EXPECT_OK(Write(tar, target));
  ASSERT_EQ(::stat(target.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 1234U);
  EXPECT_EQ(info.st_mode & 07777, 04755U);
}

TEST_F(TreeTest, ErrorsNameWhatIsWrong) {
  const auto failed = [](absl::StatusCode code, const std::string& text, const absl::Status& status) {
    EXPECT_THAT(status, StatusIs(code, HasSubstr(text)));
    EXPECT_EQ(ErrorReason(status), "COPY_FAILED");
  };
  failed(absl::StatusCode::kNotFound, "/none'", Read("/none", "none").status());
  failed(absl::StatusCode::kInvalidArgument, "'a\\000b' is no path",
         Read(std::string("a\0b", 3), "b").status());
  failed(absl::StatusCode::kFailedPrecondition, "neither", Read("/dev/null", "null").status());
  failed(absl::StatusCode::kFailedPrecondition, "not a directory", Read("/proc/version", "").status());
  const std::string tar = TarBuilder().File("x", "x").Build();
  failed(absl::StatusCode::kNotFound, "no directory", Write(tar, Target("none/deep/x", "x")).status());
  failed(absl::StatusCode::kInvalidArgument, "asked for", Write(tar, Target("y", "y")).status());
  tree::v1::Target target = Target("x", "x");
  target.set_user("nosuchuser");
  failed(absl::StatusCode::kNotFound, "nosuchuser", Write(tar, target).status());
}

TEST_F(TreeTest, ACallerThatLeavesLeavesNoHalfFile) {
  const std::string tar = TarBuilder().File("x", std::string(1 << 20, 'x')).Build();
  {
    grpc::ClientContext context;
    const auto stream = Begin(context, Target("x", "x"));
    Send(*stream, tar.substr(0, 600'000));
    ASSERT_TRUE(Eventually(
        [&] { return std::distance(fs::directory_iterator(dir_.path()), fs::directory_iterator()) == 1; }));
    context.TryCancel();
    stream->Finish();
  }
  EXPECT_TRUE(Eventually([&] { return fs::is_empty(dir_.path()); }));
}

TEST_F(TreeTest, TheEndOfTheCallIsNotTheEndOfTheTar) {
  const std::string tar = TarBuilder().File("x", "x").Build();
  grpc::ClientContext context;
  const auto stream = Begin(context, Target("x", "x"));
  Send(*stream, tar);
  stream->WritesDone();
  for (v1::WriteTreeResponse response; stream->Read(&response);) EXPECT_FALSE(response.has_summary());
  EXPECT_FALSE(stream->Finish().ok());
}

}  // namespace
}  // namespace banger::agent
