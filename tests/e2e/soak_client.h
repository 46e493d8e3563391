// One of the clients of the soak: a user, or a CI job, that goes from one thing to the next.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"

namespace banger::e2e {

// How long who asks again goes on asking.
inline constexpr std::chrono::seconds kPatience(30);

// What the clients have seen. Thread-safe.
struct Tally {
  std::atomic<int> asked = 0;        // what may be asked twice
  std::atomic<int> asked_again = 0;  // of these, more than once
  std::atomic<int> done = 0;         // what may not
  std::atomic<int> cut_short = 0;    // of these, ended by a restart
  std::mutex mutex;
  std::map<std::string, int> failures;  // by what it was, and why

  void Fail(const std::string& what, const absl::Status& status);
};

// Used by one thread.
class SoakClient {
 public:
  using Connect = std::function<std::shared_ptr<grpc::Channel>()>;

  // `boots`: what it makes is started, too.
  SoakClient(Connect connect, int number, bool boots, Tally& tally);

  // One thing after the other, beginning with another one than its neighbours; now and
  // then over a new connection.
  void Run(const std::stop_token& stop);

 private:
  void Reconnect();
  void Ask(const std::string& what, const std::function<grpc::Status(grpc::ClientContext*)>& attempt);
  void Once(const std::string& what, const absl::Status& ended);
  void Get();
  void List();
  void Images();
  void Log();
  void Watch();
  void Execute();
  void Make();
  void Delete();

  const Connect connect_;
  const int number_;
  const bool boots_;
  const std::string name_;
  Tally& tally_;
  std::unique_ptr<vm::v1::VmService::Stub> vms_;
  std::unique_ptr<image::v1::ImageService::Stub> images_;
};

}  // namespace banger::e2e
