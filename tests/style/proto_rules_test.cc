#include "tests/style/proto_rules.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace banger::style {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ProtoRulesTest, OurProtosKeepThem) {
  FileDescriptorSet set;
  std::ifstream stream(BANGER_DESCRIPTORS, std::ios::binary);
  ASSERT_TRUE(set.ParseFromIstream(&stream)) << BANGER_DESCRIPTORS;
  DescriptorPool pool;
  std::set<std::string> requests;
  int methods = 0;
  for (const FileDescriptorProto& proto : set.file()) {
    const FileDescriptor* file = pool.BuildFile(proto);
    ASSERT_NE(file, nullptr) << proto.name();
    if (!proto.name().starts_with("banger/")) continue;
    for (const std::string& fault : ProtoFaults(*file)) ADD_FAILURE() << fault;
    for (const auto& service : proto.service())
      for (const auto& method : service.method()) {
        ++methods;
        EXPECT_TRUE(requests.insert(method.input_type()).second) << method.input_type() << " is shared";
      }
  }
  EXPECT_GT(methods, 20);
}

// The faults of one file, in text format.
std::vector<std::string> FaultsOf(const std::string& text) {
  FileDescriptorProto proto;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &proto));
  static auto* pools = new std::vector<std::unique_ptr<DescriptorPool>>;
  const FileDescriptor* file = pools->emplace_back(std::make_unique<DescriptorPool>())->BuildFile(proto);
  EXPECT_NE(file, nullptr);
  return ProtoFaults(*file);
}

constexpr char kHead[] = R"(syntax: "proto3" name: "banger/x/v1/x.proto" package: "banger.x.v1" )";

TEST(ProtoRulesTest, APackageIsItsFolderWithAVersion) {
  EXPECT_THAT(FaultsOf(kHead), IsEmpty());
  EXPECT_THAT(FaultsOf(R"(name: "banger/x/x.proto" package: "banger.x")"),
              Contains(HasSubstr("is not banger.NAME.vN")));
  EXPECT_THAT(FaultsOf(R"(name: "banger/y/v1/x.proto" package: "banger.x.v1")"),
              Contains(HasSubstr("is not its folder")));
}

TEST(ProtoRulesTest, AMethodHasItsOwnRequestAndResponse) {
  const auto faults = FaultsOf(std::string(kHead) + R"(
      message_type { name: "Thing" }
      service { name: "XService" method { name: "Do" input_type: "Thing" output_type: "Thing" } })");
  EXPECT_THAT(faults, Contains(HasSubstr("takes no DoRequest")));
  EXPECT_THAT(faults, Contains(HasSubstr("gives no DoResponse")));
  EXPECT_THAT(faults, Contains(HasSubstr("XService.Do: no comment")));
  EXPECT_THAT(faults, Contains(HasSubstr("Thing: no comment")));
}

TEST(ProtoRulesTest, AListHasPages) {
  EXPECT_THAT(FaultsOf(std::string(kHead) + R"(
      message_type { name: "ListXsRequest" } message_type { name: "ListXsResponse" }
      service { name: "XService"
        method { name: "ListXs" input_type: "ListXsRequest" output_type: "ListXsResponse" } })"),
              Contains(HasSubstr("has no page_size")));
}

TEST(ProtoRulesTest, AnEnumStartsUnspecifiedAndPrefixesItsValues) {
  const auto faults = FaultsOf(std::string(kHead) + R"(
      enum_type { name: "BigState" value { name: "UNKNOWN" number: 0 } })");
  EXPECT_THAT(faults, Contains(HasSubstr("has no BIG_STATE_UNSPECIFIED = 0")));
  EXPECT_THAT(faults, Contains(HasSubstr("does not start with BIG_STATE_")));
}

TEST(ProtoRulesTest, ANumberSaysItsUnit) {
  const auto faults = FaultsOf(std::string(kHead) + R"(
      message_type { name: "DoRequest"
        field { name: "speed" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL }
        field { name: "memory_mib" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL }
        field { name: "Big" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL } })");
  EXPECT_THAT(faults, Contains(HasSubstr("DoRequest.speed: no comment")));
  EXPECT_THAT(faults, ::testing::Not(Contains(HasSubstr("memory_mib"))));
  EXPECT_THAT(faults, Contains(HasSubstr("Big: is not in lower_snake_case")));
}

}  // namespace
}  // namespace banger::style
