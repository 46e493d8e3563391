#include "tests/style/api_reference.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/gateway/core/policy.h"

namespace banger::style {
namespace {

using gateway::MethodPolicy;
using gateway::Role;
using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using google::protobuf::ServiceDescriptor;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What the gateway serves to anybody, as its policy has it.
std::vector<ServedMethod> ServedOf(const DescriptorPool& pool) {
  std::vector<const ServiceDescriptor*> services;
  for (const MethodPolicy& policy : gateway::Policy()) {
    const std::vector<std::string> parts = absl::StrSplit(policy.path, '/');
    const ServiceDescriptor* service = pool.FindServiceByName(parts[1]);
    if (service != nullptr && std::find(services.begin(), services.end(), service) == services.end())
      services.push_back(service);
  }
  std::vector<ServedMethod> served;
  for (const ServiceDescriptor* service : services) {
    for (int i = 0; i < service->method_count(); ++i) {
      const std::string path = absl::StrCat("/", service->full_name(), "/", service->method(i)->name());
      const MethodPolicy* policy = gateway::FindPolicy(path);
      if (policy != nullptr && policy->role != Role::kNobody)
        served.push_back({.method = service->method(i), .role = NameOf(policy->role)});
    }
  }
  return served;
}

// BANGER_UPDATE_GOLDEN=1 writes the file instead.
TEST(ApiReferenceTest, IsWhatTheProtosSay) {
  FileDescriptorSet set;
  std::ifstream stream(BANGER_DESCRIPTORS, std::ios::binary);
  ASSERT_TRUE(set.ParseFromIstream(&stream)) << BANGER_DESCRIPTORS;
  DescriptorPool pool;
  for (const FileDescriptorProto& file : set.file()) ASSERT_NE(pool.BuildFile(file), nullptr) << file.name();
  const std::string reference = ApiReference(ServedOf(pool));
  const std::string path = BANGER_SOURCE_DIR "/docs/api.md";
  if (std::getenv("BANGER_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << reference;
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  // Not EXPECT_EQ: nobody reads two pages of difference.
  EXPECT_TRUE(reference == golden.str())
      << "docs/api.md is not what the protos say; run this again with BANGER_UPDATE_GOLDEN=1";
  EXPECT_THAT(reference, AllOf(HasSubstr("\n## banger.vm.v1.VmService\n"),
                               HasSubstr("\n### banger.vm.v1.Vm\n"), Not(HasSubstr("GetKernelFiles"))));
}

TEST(ApiReferenceTest, ShowsCommentsTypesAndWhatAMessageNeeds) {
  FileDescriptorProto proto;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
      syntax: "proto3" name: "banger/x/v1/x_service.proto" package: "banger.x.v1"
      service {
        name: "XService"
        method { name: "Do" input_type: "DoRequest" output_type: "DoResponse" server_streaming: true }
      }
      message_type {
        name: "DoRequest"
        field { name: "things" number: 1 label: LABEL_REPEATED type_name: "DoRequest.ThingsEntry" }
        field { name: "path" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 0 }
        field { name: "data" number: 3 label: LABEL_OPTIONAL type: TYPE_BYTES oneof_index: 0 }
        field { name: "size" number: 4 label: LABEL_OPTIONAL type: TYPE_INT32 oneof_index: 1 proto3_optional: true }
        oneof_decl { name: "way" }
        oneof_decl { name: "_size" }
        nested_type {
          name: "ThingsEntry"
          field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
          field { name: "value" number: 2 label: LABEL_OPTIONAL type_name: "Thing" }
          options { map_entry: true }
        }
      }
      message_type { name: "DoResponse" }
      message_type {
        name: "Thing"
        field { name: "parts" number: 1 label: LABEL_REPEATED type_name: "Thing" }
        field { name: "state" number: 2 label: LABEL_OPTIONAL type_name: "State" }
      }
      message_type { name: "Unused" }
      enum_type {
        name: "State"
        value { name: "STATE_UNSPECIFIED" number: 0 }
        value { name: "STATE_THERE" number: 1 }
      }
      source_code_info {
        location { path: [6, 0] span: [1, 0, 1] leading_comments: " Has things.\n" }
        location { path: [6, 0, 2, 0] span: [2, 0, 1] leading_comments: " Does it, for\n <all>.\n" }
        location { path: [4, 0, 2, 0] span: [3, 0, 1] leading_comments: " By\n name.\n" }
        location { path: [4, 2] span: [4, 0, 1] leading_comments: " One | of them.\n" }
        location { path: [5, 0, 2, 1] span: [5, 0, 1] trailing_comments: " It is *there*.\n" }
      })",
                                                            &proto));
  DescriptorPool pool;
  const FileDescriptor* file = pool.BuildFile(proto);
  ASSERT_NE(file, nullptr);

  const std::string reference = ApiReference({{.method = file->service(0)->method(0), .role = "viewer"}});
  EXPECT_THAT(reference, HasSubstr("\n## banger.x.v1.XService\n\nHas things.\n"));
  EXPECT_THAT(reference, HasSubstr("\n### XService.Do\n\n`DoRequest` → `stream DoResponse`, for the role "
                                   "viewer\n\nDoes it, for\n&lt;all>.\n"));
  EXPECT_THAT(reference, HasSubstr("| `things` | map of string to [Thing](#bangerxv1thing) | By name. |\n"));
  EXPECT_THAT(reference, HasSubstr("| `data` | bytes, one of way |  |\n"));
  EXPECT_THAT(reference, HasSubstr("| `size` | optional int32 |  |\n"));
  EXPECT_THAT(reference, HasSubstr("\nDoResponse has no fields.\n"));
  EXPECT_THAT(reference, HasSubstr("\n### banger.x.v1.Thing\n\nOne \\| of them.\n"));
  EXPECT_THAT(reference, HasSubstr("| `parts` | repeated [Thing](#bangerxv1thing) |"));
  EXPECT_THAT(reference, HasSubstr("| `STATE_THERE` | It is \\*there\\*. |\n"));
  EXPECT_THAT(reference, Not(HasSubstr("Unused")));
}

}  // namespace
}  // namespace banger::style
