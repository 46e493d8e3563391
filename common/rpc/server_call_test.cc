#include "common/rpc/server_call.h"

#include <condition_variable>
#include <future>
#include <mutex>

#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/testing/countdown.h"
#include "common/testing/status_matchers.h"

namespace banger::rpc {
namespace {

namespace v1 = ::banger::kernel::v1;
using namespace std::chrono_literals;

void WaitForStop(const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait(lock, stop, [] { return false; });
}

// Speaks with the real stubs; what each method does is set by the test.
class ScriptedService final : public v1::KernelService::CallbackService {
 public:
  explicit ScriptedService(WorkerPool& workers) : workers_(workers) {}

  std::function<absl::StatusOr<v1::GetKernelResponse>(const Call&)> get;
  std::function<absl::Status(const Call&, Writer<v1::PullKernelResponse>&)> pull;
  std::function<absl::Status(const Call&, Stream<v1::ImportKernelRequest, v1::ImportKernelResponse>&)>
      import_kernel;

  grpc::ServerUnaryReactor* GetKernel(grpc::CallbackServerContext* context, const v1::GetKernelRequest*,
                                      v1::GetKernelResponse* response) override {
    return Unary(workers_, context, response, get);
  }
  grpc::ServerWriteReactor<v1::PullKernelResponse>* PullKernel(grpc::CallbackServerContext* context,
                                                               const v1::PullKernelRequest*) override {
    return ServerStream<v1::PullKernelResponse>(workers_, context, pull);
  }
  grpc::ServerBidiReactor<v1::ImportKernelRequest, v1::ImportKernelResponse>* ImportKernel(
      grpc::CallbackServerContext* context) override {
    return BidiStream<v1::ImportKernelRequest, v1::ImportKernelResponse>(workers_, context, import_kernel);
  }

 private:
  WorkerPool& workers_;
};

class ServerCallTest : public ::testing::Test {
 protected:
  ServerCallTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::KernelService::NewStub(server_->InProcessChannel({}));
  }
  ~ServerCallTest() override { server_->Shutdown(std::chrono::system_clock::now() + 1s); }

  absl::Status Get(std::chrono::milliseconds timeout = 10s) {
    ClientCall call("r1", timeout);
    v1::GetKernelResponse response;
    return FromGrpc(stub_->GetKernel(call.context(), {}, &response));
  }

  WorkerPool workers_{4, 0};
  ScriptedService service_{workers_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::KernelService::Stub> stub_;
};

TEST_F(ServerCallTest, AnErrorReachesTheCallerWithItsRequestId) {
  service_.get = [](const Call&) {
    return ApiError(absl::StatusCode::kNotFound, "KERNEL_NOT_FOUND", "no 'x'");
  };
  const absl::Status status = Get();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, "no 'x'"));
  EXPECT_EQ(GetErrorMetadata(status).at("request_id"), "r1");
}

TEST_F(ServerCallTest, ADeadlineStopsTheHandler) {
  std::promise<void> stopped;
  service_.get = [&stopped](const Call& call) -> absl::StatusOr<v1::GetKernelResponse> {
    WaitForStop(call.stop);
    stopped.set_value();
    return absl::CancelledError("stopped");
  };
  EXPECT_THAT(Get(50ms), StatusIs(absl::StatusCode::kDeadlineExceeded));
  stopped.get_future().wait();
}

TEST_F(ServerCallTest, AFullPoolAnswersAtOnce) {
  Countdown release(1);
  Countdown working(4);
  service_.get = [&](const Call&) -> absl::StatusOr<v1::GetKernelResponse> {
    working.CountDown();
    release.Wait();
    return v1::GetKernelResponse();
  };
  std::vector<std::jthread> callers;
  for (int i = 0; i < 4; ++i) callers.emplace_back([this] { EXPECT_OK(Get()); });
  working.Wait();
  EXPECT_THAT(Get(), StatusIs(absl::StatusCode::kResourceExhausted));
  release.CountDown();
}

TEST_F(ServerCallTest, StreamedMessagesArriveInOrderAndTheStatusLast) {
  service_.pull = [](const Call&, Writer<v1::PullKernelResponse>& out) {
    for (int i = 0; i < 1000; ++i) {
      v1::PullKernelResponse message;
      message.mutable_progress()->set_done_bytes(i);
      out.Send(std::move(message));
    }
    return absl::DataLossError("no api error");
  };
  ClientCall call("r1", 10s);
  const auto reader = stub_->PullKernel(call.context(), {});
  v1::PullKernelResponse message;
  int count = 0;
  while (reader->Read(&message)) EXPECT_EQ(message.progress().done_bytes(), count++);
  EXPECT_EQ(count, 1000);
  EXPECT_THAT(FromGrpc(reader->Finish()), StatusIs(absl::StatusCode::kInternal));
}

TEST_F(ServerCallTest, ACallerThatLeavesStopsTheStream) {
  Countdown stopped(1);
  service_.pull = [&stopped](const Call& call, Writer<v1::PullKernelResponse>& out) {
    while (out.Send(v1::PullKernelResponse())) {
    }
    EXPECT_TRUE(call.stop.stop_requested());
    stopped.CountDown();
    return absl::CancelledError("stopped");
  };
  ClientCall call("r1", 10s);
  const auto reader = stub_->PullKernel(call.context(), {});
  v1::PullKernelResponse message;
  ASSERT_TRUE(reader->Read(&message));
  call.context()->TryCancel();
  stopped.Wait();
  EXPECT_THAT(FromGrpc(reader->Finish()), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ServerCallTest, ABidirectionalHandlerReadsToTheHalfClose) {
  service_.import_kernel = [](const Call&,
                              Stream<v1::ImportKernelRequest, v1::ImportKernelResponse>& stream) {
    std::int64_t total = 0;
    while (const auto message = stream.Read()) total += static_cast<std::int64_t>(message->chunk().size());
    v1::ImportKernelResponse answer;
    answer.mutable_progress()->set_done_bytes(total);
    stream.Send(std::move(answer));
    return absl::OkStatus();
  };
  ClientCall call("r1", 10s);
  const auto stream = stub_->ImportKernel(call.context());
  v1::ImportKernelRequest chunk;
  chunk.set_chunk(std::string(1000, 'x'));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(stream->Write(chunk));
  stream->WritesDone();
  v1::ImportKernelResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.progress().done_bytes(), 100000);
  EXPECT_OK(FromGrpc(stream->Finish()));
}

TEST_F(ServerCallTest, AHandlerCanEndWhileItsReaderWaits) {
  service_.import_kernel = [](const Call&,
                              Stream<v1::ImportKernelRequest, v1::ImportKernelResponse>& stream) {
    std::jthread reader([&stream] {
      while (stream.Read()) {
      }
    });
    stream.StopReading();
    reader.join();
    return ApiError(absl::StatusCode::kDataLoss, "KERNEL_CORRUPT", "enough");
  };
  ClientCall call("r1", 10s);
  const auto stream = stub_->ImportKernel(call.context());
  v1::ImportKernelResponse answer;
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_THAT(FromGrpc(stream->Finish()), StatusIs(absl::StatusCode::kDataLoss, "enough"));
}

TEST_F(ServerCallTest, ShutdownCancelsWhatRuns) {
  Countdown working(1);
  service_.get = [&working](const Call& call) -> absl::StatusOr<v1::GetKernelResponse> {
    working.CountDown();
    WaitForStop(call.stop);
    return absl::CancelledError("stopped");
  };
  std::jthread caller([this] { EXPECT_THAT(Get(), ::testing::Not(IsOk())); });
  working.Wait();
  server_->Shutdown(std::chrono::system_clock::now());
}

TEST_F(ServerCallTest, ProgressIsThinnedButStagesAreSeen) {
  service_.pull = [](const Call&, Writer<v1::PullKernelResponse>& out) {
    ProgressThrottle<v1::PullKernelResponse> progress(out);
    for (int i = 0; i < 10000; ++i) progress.Report({});
    v1::PullKernelResponse stage;
    stage.mutable_progress()->set_stage("unpack");
    progress.ReportNow(stage);
    return absl::OkStatus();
  };
  ClientCall call("r1", 10s);
  const auto reader = stub_->PullKernel(call.context(), {});
  v1::PullKernelResponse message;
  int count = 0;
  while (reader->Read(&message)) ++count;
  EXPECT_OK(FromGrpc(reader->Finish()));
  EXPECT_LT(count, 1000);
  EXPECT_EQ(message.progress().stage(), "unpack");
}

}  // namespace
}  // namespace banger::rpc
