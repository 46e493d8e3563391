#include "tests/style/source_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

namespace banger::style {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(SourceRulesTest, EveryFileKeepsTheRules) {
  for (const SourceFile& file : SourceTree())
    for (const std::string& fault : SourceFaults(file)) ADD_FAILURE() << fault;
}

TEST(SourceRulesTest, EveryTestRuns) { EXPECT_THAT(ForgottenTests(SourceTree()), IsEmpty()); }

TEST(SourceRulesTest, EveryReasonOfAnErrorIsWellFormedAndDocumented) {
  std::string documents;
  for (const SourceFile& file : SourceTree())
    if (file.path.ends_with(".proto") || file.path.ends_with("README.md")) documents += file.text;
  int reasons = 0;
  for (const SourceFile& file : SourceTree()) {
    if (file.IsTest() || !file.IsCpp() || file.path.starts_with("common/status/")) continue;
    for (const ErrorReasonUse& use : ErrorReasons(file)) {
      ++reasons;
      EXPECT_TRUE(std::regex_match(use.reason, std::regex("[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")))
          << use.path << ": reason '" << use.reason << "' is not UPPER_SNAKE_CASE";
      EXPECT_TRUE(std::regex_search(documents, std::regex("\\b" + use.reason + "\\b")))
          << use.path << ": no comment of a proto and no README tells of " << use.reason;
    }
  }
  EXPECT_GT(reasons, 0);
}

TEST(SourceRulesTest, AServicesErrorsAreInItsErrorsHeader) {
  for (const SourceFile& file : SourceTree()) {
    if (!file.path.starts_with("services/") || file.IsTest() || file.path.ends_with("/errors.h")) continue;
    for (const ErrorReasonUse& use : ErrorReasons(file))
      ADD_FAILURE() << file.path << ": " << use.reason << " belongs into errors.h";
  }
}

TEST(SourceRulesTest, AHeaderHasAGuardAndAContract) {
  EXPECT_THAT(SourceFaults({.path = "common/x/x.h", .text = "// Thread-safe.\n#pragma once\n"}), IsEmpty());
  EXPECT_THAT(SourceFaults({.path = "common/x/x.h", .text = "// Thread-safe.\n"}),
              ElementsAre(HasSubstr("pragma once")));
  EXPECT_THAT(SourceFaults({.path = "common/x/x.h", .text = "#pragma once\nint F();\n"}),
              ElementsAre(HasSubstr("no comment")));
  const std::string head = "// C.\n#pragma once\n";
  EXPECT_THAT(SourceFaults({.path = "common/x/x.h", .text = head + "void F(std::" + "string_view x);\n"}),
              SizeIs(1));
  EXPECT_THAT(SourceFaults({.path = "common/x/x.h", .text = head + "using namespace std;\n"}), SizeIs(1));
}

TEST(SourceRulesTest, NothingIsPutOffAndNothingGrowsWithoutEnd) {
  const std::string later = std::string("// TO") + "DO: more\n";
  EXPECT_THAT(SourceFaults({.path = "common/x/x.cc", .text = later}), SizeIs(1));
  EXPECT_THAT(SourceFaults({.path = "proto/x.proto", .text = later}), SizeIs(1));
  EXPECT_THAT(SourceFaults({.path = "common/x/x.cc", .text = std::string(kMaxLines, '\n')}), IsEmpty());
  EXPECT_THAT(SourceFaults({.path = "common/x/x.cc", .text = std::string(kMaxLines + 1, '\n')}), SizeIs(1));
}

TEST(SourceRulesTest, AScriptStopsAtItsFirstError) {
  const std::string good = "#!/usr/bin/env bash\n# Does it.\nset -euo pipefail\n";
  EXPECT_THAT(SourceFaults({.path = "scripts/x", .text = good, .executable = true}), IsEmpty());
  EXPECT_THAT(SourceFaults({.path = "scripts/x", .text = good}), ElementsAre(HasSubstr("executable")));
  EXPECT_THAT(SourceFaults({.path = "scripts/x", .text = "#!/bin/sh\n", .executable = true}), SizeIs(2));
  EXPECT_THAT(SourceFaults({.path = "scripts/sourced.sh", .text = "F() { :; }\n"}), IsEmpty());
}

TEST(SourceRulesTest, AForgottenTestIsFound) {
  const SourceFile test{.path = "common/x/y/a_test.cc", .text = ""};
  EXPECT_THAT(ForgottenTests({test, {.path = "common/x/CMakeLists.txt", .text = "y/a_test.cc"}}), IsEmpty());
  EXPECT_THAT(ForgottenTests({test, {.path = "common/x/CMakeLists.txt", .text = "y/b_test.cc"}}),
              ElementsAre("common/x/y/a_test.cc"));
  const std::string loop = "foreach(name b c)\n  banger_test(NAME ${name} SRCS ${name}_test.cc)\n";
  EXPECT_THAT(ForgottenTests(
                  {{.path = "tests/b_test.cc", .text = ""}, {.path = "tests/CMakeLists.txt", .text = loop}}),
              IsEmpty());
  EXPECT_THAT(ForgottenTests(
                  {{.path = "tests/a_test.cc", .text = ""}, {.path = "tests/CMakeLists.txt", .text = loop}}),
              SizeIs(1));
}

}  // namespace
}  // namespace banger::style
