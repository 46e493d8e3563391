#include "services/vmd/log_streamer.h"

#include <fcntl.h>

#include "services/vmd/testing/service_fixture.h"

namespace banger::vmd {
namespace {

using namespace banger::vm::v1;
using ::testing::HasSubstr;

class LogStreamerTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ServiceFixture::SetUp();
    uid_ = CreateVm("box");
    ASSERT_OK(MakeDirectories(dir_.path() / uid_));
  }
  void Append(const std::string& text) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd log, OpenFile(world_.files.PathsOf(uid_).console_log,
                                                      O_WRONLY | O_CREAT | O_APPEND, 0600));
    ASSERT_OK(WriteFully(log.get(), text));
  }
  std::unique_ptr<grpc::ClientReader<ReadVmLogResponse>> Read(grpc::ClientContext* context, int tail_lines,
                                                              bool follow) {
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    ReadVmLogRequest request;
    request.set_name("vms/box");
    request.set_tail_lines(tail_lines);
    request.set_follow(follow);
    return stub_->ReadVmLog(context, request);
  }
  static std::string ReadAll(grpc::ClientReader<ReadVmLogResponse>& reader) {
    std::string all;
    ReadVmLogResponse response;
    while (reader.Read(&response)) all += response.data();
    return all;
  }

  std::string uid_;
  grpc::ClientContext context_;
};

TEST_F(LogStreamerTest, AVmThatPrintedNothingHasAnEmptyLog) {
  const auto reader = Read(&context_, 0, false);
  EXPECT_EQ(ReadAll(*reader), "");
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(LogStreamerTest, SendsAllInPiecesOrOnlyTheLastLines) {
  std::string text;
  for (int i = 0; i < 50000; ++i) text += absl::StrCat("line ", i, "\n");
  Append(text);
  const auto all = Read(&context_, 0, false);
  EXPECT_EQ(ReadAll(*all), text);
  EXPECT_TRUE(all->Finish().ok());

  grpc::ClientContext context;
  const auto tail = Read(&context, 2, false);
  EXPECT_EQ(ReadAll(*tail), "line 49998\nline 49999\n");
  EXPECT_TRUE(tail->Finish().ok());
}

TEST_F(LogStreamerTest, FollowsOverAStopAndAStartUntilTheVmIsDeleted) {
  Append("one\n");
  const auto reader = Read(&context_, 0, true);
  ReadVmLogResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.data(), "one\n");
  world_.vmm.End(uid_, {VmmExit::Kind::kPoweredOff, ""});
  ASSERT_TRUE(Eventually([&] { return vms_->Get("box")->vm.state == VmState::kStopped; }));
  Append("two\n");
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.data(), "two\n");
  ASSERT_OK(vms_->Start("box", [](const Progress&) {}, {}));
  Append("three\n");
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.data(), "three\n");
  Append("four\n");
  ASSERT_OK(vms_->Delete("box", /*force=*/true, {}));
  EXPECT_EQ(ReadAll(*reader), "four\n");
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(LogStreamerTest, EndsWhenItsCallerLeaves) {
  Append("one\n");
  const auto reader = Read(&context_, 0, true);
  ReadVmLogResponse response;
  ASSERT_TRUE(reader->Read(&response));
  context_.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(LogStreamerTest, RefusesANegativeTail) {
  const auto reader = Read(&context_, -1, false);
  const absl::Status status = rpc::FromGrpc(reader->Finish());
  EXPECT_EQ(ErrorReason(status), "FIELD_INVALID");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tail_lines")));
}

}  // namespace
}  // namespace banger::vmd
