// The table against the descriptors: nothing that is served is left out.
#include "services/gateway/core/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/gateway/services.h"

namespace banger::gateway {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<const MethodDescriptor*> ServedMethods() {
  std::vector<const MethodDescriptor*> methods;
  for (const auto* service : ServedServices())
    for (int i = 0; i < service->method_count(); ++i) methods.push_back(service->method(i));
  return methods;
}

std::string PathOf(const MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

// The field that "spec.name" means, or null.
const FieldDescriptor* FieldOf(const google::protobuf::Descriptor* message, const std::string& path) {
  const FieldDescriptor* field = nullptr;
  const std::vector<std::string> steps = absl::StrSplit(path, '.');
  for (const std::string& step : steps) {
    field = message != nullptr ? message->FindFieldByName(step) : nullptr;
    if (field == nullptr || field->is_repeated()) return nullptr;
    message = field->message_type();
  }
  return field;
}

TEST(PolicyTest, EveryServedMethodHasOneEntryAndThereIsNoOther) {
  std::multiset<std::string> served, known;
  for (const MethodDescriptor* method : ServedMethods()) served.insert(PathOf(*method));
  for (const MethodPolicy& method : Policy()) known.insert(method.path);
  EXPECT_EQ(served, known);
  EXPECT_GT(served.size(), 40u);
}

TEST(PolicyTest, NoMethodOfNetdOrOfTheAgentOrOfDaemonsMetricsIsInIt) {
  for (const MethodPolicy& method : Policy()) {
    EXPECT_THAT(method.path, Not(HasSubstr("banger.network.")));
    EXPECT_THAT(method.path, Not(HasSubstr("banger.guest.")));
    EXPECT_THAT(method.path, Not(HasSubstr("MetricsService")));
  }
}

TEST(PolicyTest, WhatChangesSomethingIsNotForViewers) {
  for (const MethodPolicy& method : Policy()) {
    const std::string name = std::string(method.path).substr(std::string(method.path).rfind('/') + 1);
    const bool looks = name.starts_with("Get") || name.starts_with("List") || name.starts_with("Watch") ||
                       name == "ReadVmLog" || name == "CreateConsoleLogin";
    if (method.role == Role::kViewer) {
      EXPECT_TRUE(looks) << method.path;
    }
  }
}

TEST(PolicyTest, OnlyWhatChecksNoRoleNeedsNone) {
  for (const MethodPolicy& method : Policy()) {
    const std::string path = method.path;
    EXPECT_EQ(method.role == Role::kNone,
              path.starts_with("/grpc.") || path == "/banger.system.v1.DaemonService/GetDaemon")
        << path;
  }
}

TEST(PolicyTest, TheResourceIsATextOfTheRequest) {
  for (const MethodDescriptor* method : ServedMethods()) {
    const MethodPolicy* policy = FindPolicy(PathOf(*method));
    ASSERT_NE(policy, nullptr);
    // Whatever names its thing in the usual way is seen.
    if (method->input_type()->FindFieldByName("name") != nullptr && policy->role >= Role::kViewer &&
        policy->role <= Role::kAdmin) {
      EXPECT_STRNE(policy->resource, "") << policy->path;
    }
    if (*policy->resource == '\0') continue;
    const FieldDescriptor* field = FieldOf(method->input_type(), policy->resource);
    ASSERT_NE(field, nullptr) << policy->path;
    EXPECT_EQ(field->type(), FieldDescriptor::TYPE_STRING) << policy->path;
  }
}

}  // namespace
}  // namespace banger::gateway
