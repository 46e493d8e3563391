// gRPC server reflection over everything that can be called through the
// gateway, from the descriptors that are compiled in: complete also while a
// daemon is away. gRPC's own reflection library must not be linked into the same
// program, as both bring the descriptors of the protocol.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>
#include <utility>
#include <vector>

#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"

namespace banger::gateway {

// The answer to one reflection request. `Request` and `Response` are those of v1
// or of v1alpha, which differ in the package only.
template <typename Request, typename Response>
Response AnswerReflection(const Request& request, const std::vector<std::string>& services);

// Needs no threads: all answers come from memory. Thread-safe.
template <typename Base, typename Request, typename Response>
class ReflectionService final : public Base {
 public:
  // `services`: the full names that are listed.
  explicit ReflectionService(std::vector<std::string> services) : services_(std::move(services)) {}

  grpc::ServerBidiReactor<Request, Response>* ServerReflectionInfo(grpc::CallbackServerContext*) override {
    return new Stream(services_);
  }

 private:
  class Stream final : public grpc::ServerBidiReactor<Request, Response> {
   public:
    explicit Stream(const std::vector<std::string>& services) : services_(services) {
      this->StartRead(&request_);
    }

   private:
    void OnReadDone(bool ok) override {
      if (!ok) return this->Finish(grpc::Status::OK);
      response_ = AnswerReflection<Request, Response>(request_, services_);
      this->StartWrite(&response_);
    }
    void OnWriteDone(bool ok) override {
      if (!ok) return this->Finish(grpc::Status::CANCELLED);
      this->StartRead(&request_);
    }
    void OnDone() override { delete this; }

    const std::vector<std::string>& services_;
    Request request_;
    Response response_;
  };

  const std::vector<std::string> services_;
};

using ReflectionV1 = ReflectionService<grpc::reflection::v1::ServerReflection::CallbackService,
                                       grpc::reflection::v1::ServerReflectionRequest,
                                       grpc::reflection::v1::ServerReflectionResponse>;
using ReflectionV1Alpha = ReflectionService<grpc::reflection::v1alpha::ServerReflection::CallbackService,
                                            grpc::reflection::v1alpha::ServerReflectionRequest,
                                            grpc::reflection::v1alpha::ServerReflectionResponse>;

}  // namespace banger::gateway
