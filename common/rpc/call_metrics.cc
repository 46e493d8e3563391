#include "common/rpc/call_metrics.h"

#include <google/protobuf/descriptor.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <array>
#include <atomic>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace banger::rpc {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;

constexpr std::size_t kCodes = 17;  // of gRPC
constexpr char kUnknown[] = "unknown";

// Seconds. Three a decade up to 10 s: reads take about a millisecond, whose parts nobody
// asks for; disks, taps and guests' answers some tens; a boot or a restore up to seconds.
// Beyond, an emulated boot, pulls and builds need no more than "how many minutes", and
// what takes longer than 10 of those is a stream that lives as long as its client.
const prometheus::Histogram::BucketBoundaries& Bounds() {
  static const auto* bounds = new prometheus::Histogram::BucketBoundaries{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600};
  return *bounds;
}

// "/banger.vm.v1.VmService/GetVm". Null for what is no method of ours, or not its name.
const MethodDescriptor* FindMethod(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (!path.starts_with('/') || slash == 0) return nullptr;
  const MethodDescriptor* method = DescriptorPool::generated_pool()->FindMethodByName(
      absl::StrCat(path.substr(1, slash - 1), ".", path.substr(slash + 1)));
  if (method == nullptr || method->service()->full_name() != path.substr(1, slash - 1)) return nullptr;
  return method;
}

const char* TypeOf(const MethodDescriptor& method) {
  if (method.client_streaming()) return method.server_streaming() ? "bidi_stream" : "client_stream";
  return method.server_streaming() ? "server_stream" : "unary";
}

}  // namespace

struct CallMetrics::Names {
  std::string service, method, type;
};

class CallMetrics::Method final : public MethodCounter {
 public:
  Method(prometheus::Labels labels, prometheus::Family<prometheus::Counter>& handled,
         prometheus::Histogram& seconds, prometheus::Gauge& in_flight)
      : labels_(std::move(labels)), handled_(handled), seconds_(seconds), in_flight_(in_flight) {}

  void Begin() override { in_flight_.Increment(); }

  void End(grpc::StatusCode code, std::chrono::steady_clock::duration elapsed) override {
    in_flight_.Decrement();
    seconds_.Observe(std::chrono::duration<double>(elapsed).count());
    // A daemon may say what gRPC has no name for.
    const auto number = static_cast<std::size_t>(code);
    Handled(number < kCodes ? number : static_cast<std::size_t>(grpc::StatusCode::UNKNOWN)).Increment();
  }

 private:
  prometheus::Counter& Handled(std::size_t code) {
    prometheus::Counter* counter = by_code_[code].load(std::memory_order_acquire);
    if (counter != nullptr) return *counter;
    prometheus::Labels labels = labels_;
    labels["grpc_code"] = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
    counter = &handled_.Add(labels);  // the same one for all who come here at once
    by_code_[code].store(counter, std::memory_order_release);
    return *counter;
  }

  const prometheus::Labels labels_;
  prometheus::Family<prometheus::Counter>& handled_;
  prometheus::Histogram& seconds_;
  prometheus::Gauge& in_flight_;
  std::array<std::atomic<prometheus::Counter*>, kCodes> by_code_{};
};

CallMetrics::CallMetrics()
    : handled_(prometheus::BuildCounter()
                   .Name("grpc_server_handled_total")
                   .Help("Calls that have ended, by their result.")
                   .Register(registry_)),
      seconds_(prometheus::BuildHistogram()
                   .Name("grpc_server_handling_seconds")
                   .Help("How long calls took; streams from first to last.")
                   .Register(registry_)),
      in_flight_(prometheus::BuildGauge()
                     .Name("grpc_server_in_flight")
                     .Help("Calls that have begun and not ended.")
                     .Register(registry_)) {}

CallMetrics::~CallMetrics() = default;

MethodCounter& CallMetrics::Of(const std::string& method) {
  {
    const MutexLock lock(mutex_);
    const auto found = methods_.find(method);
    if (found != methods_.end()) return *found->second;
  }
  Names names{.service = kUnknown, .method = kUnknown, .type = kUnknown};
  const MethodDescriptor* const known = FindMethod(method);
  if (known != nullptr)
    names = {.service = known->service()->full_name(), .method = known->name(), .type = TypeOf(*known)};
  const MutexLock lock(mutex_);
  std::unique_ptr<Method>& made = methods_[known != nullptr ? method : kUnknown];
  if (made == nullptr) made = Make(names);
  return *made;
}

std::unique_ptr<CallMetrics::Method> CallMetrics::Make(const Names& names) {
  prometheus::Labels labels = {
      {"grpc_service", names.service}, {"grpc_method", names.method}, {"grpc_type", names.type}};
  prometheus::Histogram& seconds = seconds_.Add(labels, Bounds());
  prometheus::Gauge& in_flight = in_flight_.Add(labels);
  return std::make_unique<Method>(std::move(labels), handled_, seconds, in_flight);
}

}  // namespace banger::rpc
