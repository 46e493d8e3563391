#include "services/gateway/system_service.h"

#include <chrono>
#include <condition_variable>
#include <list>

#include "banger/system/v1/daemon_service.grpc.pb.h"
#include "common/rpc/channel.h"
#include "common/rpc/daemon_service.h"
#include "common/sync/mutex.h"
#include "services/gateway/guarded_call.h"
#include "services/gateway/network_view.h"

namespace banger::gateway {
namespace {

namespace v1 = system::v1;
using namespace std::chrono_literals;

constexpr auto kPatience = 1000ms;

// Counts down to the last answer.
class Countdown {
 public:
  explicit Countdown(std::size_t count) : left_(count) {}
  void Done() {
    const MutexLock lock(mutex_);
    if (--left_ == 0) finished_.notify_all();
  }
  void Wait() {
    MutexLock lock(mutex_);
    finished_.wait(lock, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return left_ == 0; });
  }

 private:
  Mutex mutex_;
  std::condition_variable_any finished_;
  std::size_t left_ ABSL_GUARDED_BY(mutex_);
};

// One daemon that was asked.
struct Question {
  Question(const Backend& asked, const rpc::Call& call)
      : backend(asked),
        stub(v1::DaemonService::NewStub(asked.channel())),
        client(call.request_id, kPatience, call.stop) {
    // It may have started just now.
    client.context()->set_wait_for_ready(asked.has_socket());
  }

  const Backend& backend;
  const std::unique_ptr<v1::DaemonService::Stub> stub;
  rpc::ClientCall client;
  v1::GetDaemonRequest request;
  v1::GetDaemonResponse response;
  grpc::Status status;
};

v1::Daemon Answer(const Question& question) {
  if (question.status.ok()) return question.response.daemon();
  v1::Daemon daemon;
  daemon.set_name("daemons/" + question.backend.daemon());
  switch (question.status.error_code()) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::UNAVAILABLE:
      daemon.set_error(question.backend.DescribeOutage());
      break;
    default:
      daemon.set_error(question.status.error_message());
  }
  return daemon;
}

v1::ListDaemonsResponse AskAll(const rpc::Call& call, const Backends& backends) {
  std::list<Question> questions;
  Countdown answers(backends.size());
  for (const auto& [name, backend] : backends) {
    Question& question = questions.emplace_back(*backend, call);
    question.stub->async()->GetDaemon(question.client.context(), &question.request, &question.response,
                                      [&question, &answers](const grpc::Status& status) {
                                        question.status = status;
                                        answers.Done();
                                      });
  }
  answers.Wait();
  v1::ListDaemonsResponse response;
  rpc::DescribeThisDaemon("gateway", *response.add_daemons());
  for (const Question& question : questions) *response.add_daemons() = Answer(question);
  return response;
}

}  // namespace

grpc::ServerUnaryReactor* SystemService::ListDaemons(grpc::CallbackServerContext* context,
                                                     const v1::ListDaemonsRequest*,
                                                     v1::ListDaemonsResponse* response) {
  return Guarded(workers_, context, "/banger.system.v1.SystemService/ListDaemons", response,
                 [this](const Caller&, const rpc::Call& call) { return AskAll(call, backends_); });
}

grpc::ServerUnaryReactor* SystemService::GetNetwork(grpc::CallbackServerContext* context,
                                                    const v1::GetNetworkRequest*,
                                                    v1::GetNetworkResponse* response) {
  return Guarded(workers_, context, "/banger.system.v1.SystemService/GetNetwork", response,
                 [this](const Caller&, const rpc::Call& call) {
                   return DescribeNetwork(call, *backends_.at("netd"), *backends_.at("vmd"));
                 });
}

}  // namespace banger::gateway
