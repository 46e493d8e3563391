// One question to all daemons behind the gateway at once.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "common/rpc/channel.h"
#include "common/sync/mutex.h"
#include "services/gateway/forwarder.h"

namespace banger::gateway {

// For each of them: none that is away makes the others' answers late.
inline constexpr std::chrono::milliseconds kDaemonPatience{1000};

// What one of them said; the response counts when the status is OK.
template <typename Response>
struct DaemonAnswer {
  const Backend& backend;
  grpc::Status status;
  Response response;
};

// Counts down to the last answer.
class AnswersLeft {
 public:
  explicit AnswersLeft(std::size_t count) : left_(count) {}
  void CountDown();
  void Wait();

 private:
  Mutex mutex_;
  std::condition_variable_any none_;
  std::size_t left_ ABSL_GUARDED_BY(mutex_);
};

// The asynchronous methods of a generated service.
template <typename Service>
using DaemonStub = typename Service::StubInterface::async_interface;

// By the daemons' names. Waits kDaemonPatience at most, and no longer when stopped.
template <typename Service, typename Request, typename Response>
std::list<DaemonAnswer<Response>> AskDaemons(
    const Backends& backends, const std::string& request_id, const std::stop_token& stop,
    void (DaemonStub<Service>::*method)(grpc::ClientContext*, const Request*, Response*,
                                        std::function<void(grpc::Status)>)) {
  struct Question {
    Question(const Backend& asked, const std::string& id, const std::stop_token& until)
        : stub(Service::NewStub(asked.channel())), call(id, kDaemonPatience, until) {
      // It may have started just now.
      call.context()->set_wait_for_ready(asked.has_socket());
    }

    const std::unique_ptr<typename Service::Stub> stub;
    rpc::ClientCall call;
  };
  const Request request;
  std::list<Question> questions;
  std::list<DaemonAnswer<Response>> answers;
  AnswersLeft left(backends.size());
  for (const auto& [name, backend] : backends) {
    Question& question = questions.emplace_back(*backend, request_id, stop);
    DaemonAnswer<Response>& answer = answers.emplace_back(DaemonAnswer<Response>{*backend, {}, {}});
    (question.stub->async()->*method)(question.call.context(), &request, &answer.response,
                                      [&answer, &left](grpc::Status status) {
                                        answer.status = std::move(status);
                                        left.CountDown();
                                      });
  }
  left.Wait();
  return answers;
}

}  // namespace banger::gateway
