// Every field of every method with values that no honest caller sends. The
// fields are taken from the API's descriptors, so that a new one is tried too.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/impl/codegen/client_unary_call.h>

#include <functional>
#include <limits>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "services/netd/adapters/nft_text.h"
#include "services/netd/testing/service_fixture.h"

namespace banger::netd {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::Reflection;

constexpr char kMarker[] = "hostile";

// Each could do harm where text becomes a name, a path, a rule or a log line;
// each that is more than a shape has the marker in it.
const std::vector<std::string>& HostileStrings() {
  static const auto* strings = new std::vector<std::string>{
      "",
      " ",
      ".",
      "..",
      "/",
      std::string("hostile\0x", 9),
      "hostile\nflush ruleset\n",
      "hostile\" accept comment \"",
      "hostile; delete table inet filter;",
      "hostile } chain input { accept",
      "include \"/etc/hostile\"",
      "$(hostile)",
      "`hostile`",
      "%s%n hostile",
      "../../etc/hostile",
      "/etc/hostile",
      "endpoints/",
      "endpoints/../hostile",
      "endpoints/hostile/x",
      "endpoints/Hostile",
      "endpoints/hostile\n",
      "endpoints/" + std::string(65, 'a'),
      "endpoints/" + std::string(1 << 20, 'a'),
      "endpoints/nobodys",
      "endpoints/vm-1 ",
      "br-banger;hostile",
      "bgr-hostile1",
      "-hostile",
      "hostile-",
      "HOSTILE",
      "hostile.vm",
      "h\xc3\xb6stile-hostile",
      "\xe2\x80\xae"
      "hostile",
      std::string(1 << 20, 'h'),
      std::string(64, 'h'),
      "hostile\xff",  // no UTF-8
      "10.0.0.1/8",
      "10.0.0.0/33",
      "10.0.0.0/-1",
      "10.0.0.0/8 hostile",
      "10.0.0.0/8, 0.0.0.0/0",
      "::/0",
      "*",
      "*.",
      "*.*.hostile",
      "hostile..hostile",
      "hos tile.example",
  };
  return *strings;
}

// Sets one field of the message, which may be deep within the request.
using Mutation = std::function<void(Message& message)>;

struct Hostile {
  std::string what;
  Mutation mutate;
};

void AddValues(const FieldDescriptor* field, std::vector<Hostile>& all);

// All of the message and of what it contains.
std::vector<Hostile> HostileValues(const google::protobuf::Descriptor* type) {
  std::vector<Hostile> all;
  for (int i = 0; i < type->field_count(); ++i) AddValues(type->field(i), all);
  return all;
}

void AddStrings(const FieldDescriptor* field, std::vector<Hostile>& all) {
  for (const std::string& value : HostileStrings()) {
    const std::string what = absl::StrCat(field->full_name(), " = '", value.substr(0, 40), "'");
    if (!field->is_repeated()) {
      all.push_back({what, [=](Message& m) { m.GetReflection()->SetString(&m, field, value); }});
      continue;
    }
    all.push_back({what, [=](Message& m) { m.GetReflection()->AddString(&m, field, value); }});
  }
  if (field->is_repeated())
    all.push_back({absl::StrCat("too many ", field->full_name()), [=](Message& m) {
                     for (int i = 0; i < 5000; ++i)
                       m.GetReflection()->AddString(&m, field, absl::StrCat("many-", i));
                   }});
}

void AddValues(const FieldDescriptor* field, std::vector<Hostile>& all) {
  const std::string& name = field->full_name();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return AddStrings(field, all);
    case FieldDescriptor::CPPTYPE_ENUM:
      for (const int value : {-1, 99, std::numeric_limits<int>::max(), std::numeric_limits<int>::min()})
        all.push_back({absl::StrCat(name, " = ", value),
                       [=](Message& m) { m.GetReflection()->SetEnumValue(&m, field, value); }});
      return;
    case FieldDescriptor::CPPTYPE_BOOL:
      for (const bool value : {false, true})
        all.push_back({absl::StrCat(name, " = ", value),
                       [=](Message& m) { m.GetReflection()->SetBool(&m, field, value); }});
      return;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      ASSERT_FALSE(field->is_repeated()) << name << ": teach this test about repeated messages";
      for (const Hostile& inner : HostileValues(field->message_type()))
        all.push_back({inner.what, [=](Message& m) {
                         // A policy that is well but for this.
                         inner.mutate(*m.GetReflection()->MutableMessage(&m, field));
                       }});
      return;
    default:
      FAIL() << name << ": teach this test about fields of this type";
  }
}

class HostileRequestsTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ServiceFixture::SetUp();
    ASSERT_OK(network_->Create(::geteuid(), "vm-1", "web"));
    ASSERT_OK(network_->Attach(::geteuid(), "vm-1"));
  }

  static std::unique_ptr<Message> New(const google::protobuf::Descriptor* type) {
    return std::unique_ptr<Message>(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  }

  // The request that is well.
  static std::unique_ptr<Message> Honest(const MethodDescriptor* method) {
    std::unique_ptr<Message> request = New(method->input_type());
    for (const auto& [field, value] : {std::pair("name", "endpoints/vm-1"), std::pair("endpoint_id", "vm-1")})
      if (const FieldDescriptor* found = method->input_type()->FindFieldByName(field); found != nullptr)
        request->GetReflection()->SetString(request.get(), found, value);
    // So that all of a policy counts.
    if (auto* policy = dynamic_cast<v1::SetEndpointPolicyRequest*>(request.get()); policy != nullptr) {
      policy->mutable_policy()->set_nat(true);
      policy->mutable_policy()->mutable_egress()->set_mode(egress::v1::Egress::MODE_LISTED);
    }
    return request;
  }

  absl::Status Send(const MethodDescriptor* method, const Message& request) {
    const std::string path = absl::StrCat("/", method->service()->full_name(), "/", method->name());
    const std::unique_ptr<Message> response = New(method->output_type());
    rpc::ClientCall call("hostile", std::chrono::seconds(20));
    return rpc::FromGrpc(grpc::internal::BlockingUnaryCall<Message, Message>(
        channel_.get(),
        grpc::internal::RpcMethod(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC, channel_),
        call.context(), request, response.get()));
  }

  // All that netd remembers, and all that it has on the host, is of the forms that
  // it promises, and nothing in it is a text of the caller's that is more.
  void ExpectAllIsWellFormed() {
    static const std::regex id("[a-z0-9-]{1,64}"), label("([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?"),
        tap("(bgr-ac1e000[0-7])?"), domain(R"((\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_-]+)");
    for (const auto& [key, endpoint] : host_.ledger.records.endpoints) {
      EXPECT_TRUE(std::regex_match(endpoint.id, id)) << endpoint.id;
      EXPECT_TRUE(std::regex_match(endpoint.hostname, label)) << endpoint.hostname;
      EXPECT_TRUE(std::regex_match(endpoint.tap, tap)) << endpoint.tap;
      EXPECT_LE(endpoint.policy.egress.domains.size(), 256u);
      EXPECT_LE(endpoint.policy.peers.size(), 256u);
      for (const std::string& peer : endpoint.policy.peers) EXPECT_TRUE(std::regex_match(peer, id)) << peer;
      for (const std::string& name : endpoint.policy.egress.domains)
        EXPECT_TRUE(std::regex_match(name, domain)) << name;
    }
    for (const auto& [name, found] : host_.links.taps) EXPECT_TRUE(std::regex_match(name, tap)) << name;
    if (!host_.firewall.applied.has_value()) return;
    const std::string rules =
        ReplaceText({.bridge = "br-banger", .subnet = network_->subnet(), .mark = "banger:br-banger:/run"},
                    *host_.firewall.applied, std::chrono::steady_clock::now());
    EXPECT_FALSE(absl::StrContains(absl::AsciiStrToLower(rules), kMarker)) << rules;
  }
};

TEST_F(HostileRequestsTest, AreRefusedByReasonOrHarmless) {
  // What a caller can be told; UNIMPLEMENTED is gRPC's word for what is no message.
  const std::set<absl::StatusCode> codes = {absl::StatusCode::kOk,
                                            absl::StatusCode::kInvalidArgument,
                                            absl::StatusCode::kNotFound,
                                            absl::StatusCode::kAlreadyExists,
                                            absl::StatusCode::kResourceExhausted,
                                            absl::StatusCode::kUnimplemented};
  const auto* service = v1::Endpoint::descriptor()->file()->FindServiceByName("NetworkService");
  int tried = 0;
  for (int i = 0; i < service->method_count(); ++i) {
    const MethodDescriptor* method = service->method(i);
    for (const Hostile& hostile : HostileValues(method->input_type())) {
      SCOPED_TRACE(absl::StrCat(method->name(), ": ", hostile.what));
      std::unique_ptr<Message> request = Honest(method);
      hostile.mutate(*request);
      const absl::Status status = Send(method, *request);
      ++tried;
      EXPECT_EQ(codes.count(status.code()), 1u) << status;
      const bool unreadable = absl::StrContains(hostile.what, "\xff");
      EXPECT_EQ(absl::IsUnimplemented(status), unreadable) << status;
      EXPECT_EQ(ErrorReason(status).empty(), status.ok() || unreadable) << status;
      EXPECT_LE(status.message().size(), 600u) << "an answer as long as the request";
      EXPECT_FALSE(absl::StrContains(status.message(), "\n")) << status;
      ExpectAllIsWellFormed();
      if (HasFailure()) return;
      // As before, for the next one.
      for (const Endpoint& endpoint : network_->List(::geteuid()))
        ASSERT_OK(network_->Delete(::geteuid(), endpoint.id));
      ASSERT_OK(network_->Create(::geteuid(), "vm-1", "web"));
      ASSERT_OK(network_->SetPolicy(::geteuid(), "vm-1", {}));
      ASSERT_OK(network_->Attach(::geteuid(), "vm-1"));
    }
  }
  EXPECT_GE(tried, 300);
}

}  // namespace
}  // namespace banger::netd
