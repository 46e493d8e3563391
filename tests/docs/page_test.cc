#include "tests/docs/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/docs/shell_words.h"

namespace banger::docs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(PageTest, BlocksHaveTheMarksBeforeThem) {
  const Page page = ReadPage("docs/a.md",
                             "# A page\n\n<!-- test: before git init\ncd repo -->\n"
                             "<!-- test: replace 192.0.2.1 => 127.0.0.1 -->\n```sh\nls\n```\n\n"
                             "<!-- test: elsewhere PullTest.AKernel -->\n```\nbanger kernel pull k\n```\n"
                             "```json\n{}\n```\n");
  EXPECT_THAT(page.faults, IsEmpty());
  ASSERT_EQ(page.blocks.size(), 3u);
  EXPECT_EQ(page.blocks[0].line, 6);
  EXPECT_THAT(page.blocks[0].lines, ElementsAre("ls"));
  EXPECT_THAT(page.blocks[0].marks.before, ElementsAre("git init\ncd repo"));
  EXPECT_THAT(page.blocks[0].marks.replaced, ElementsAre(Pair("192.0.2.1", "127.0.0.1")));
  EXPECT_TRUE(page.blocks[1].IsShell());
  EXPECT_THAT(page.blocks[1].marks.elsewhere, ElementsAre("PullTest.AKernel"));
  EXPECT_THAT(page.blocks[1].marks.before, IsEmpty());
  EXPECT_FALSE(page.blocks[2].IsShell());
}

TEST(PageTest, WhatWouldNotBeRunIsAFault) {
  const auto fault = [](const std::string& text) { return ReadPage("docs/a.md", text).faults; };
  EXPECT_THAT(fault("Do this:\n\n    banger vm run\n"),
              ElementsAre(HasSubstr("docs/a.md:3: an indented block")));
  EXPECT_THAT(fault("<!-- test: skip it -->\n```sh\nls\n```\n"),
              ElementsAre(HasSubstr("no mark that tests know")));
  EXPECT_THAT(fault("<!-- test: before ls -->\n\n```sh\nls\n```\n"),
              ElementsAre(HasSubstr("directly before")));
  EXPECT_THAT(fault("<!-- test: before ls -->\n```json\n{}\n```\n"),
              ElementsAre(HasSubstr("commands of the shell")));
  EXPECT_THAT(fault("```sh\nls\n"), ElementsAre(HasSubstr("without an end")));
}

TEST(PageTest, LinksSpansAndAnchorsAreThoseOfTheProse) {
  const Page page =
      ReadPage("README.md",
               "# What `it` is, and why\n[a](docs/a.md#b) [w](https://example.org) `banger vm\nrun`\n"
               "```text\n`banger no`\n```\n");
  ASSERT_EQ(page.links.size(), 1u);
  EXPECT_EQ(page.links[0].target, "docs/a.md#b");
  EXPECT_EQ(page.links[0].line, 2);
  EXPECT_THAT(page.spans, ElementsAre("it", "banger vm run"));
  EXPECT_THAT(page.anchors, ElementsAre("what-it-is-and-why"));
}

TEST(ShellWordsTest, ALineIsTakenApartAsTheShellDoes) {
  EXPECT_THAT(ShellCommands({"A=1 banger vm run --rm -- sh -c 'exit 7; x' || echo \"$? no\"  # why"}),
              ElementsAre(ElementsAre("banger", "vm", "run", "--rm", "--", "sh", "-c", "exit 7; x"),
                          ElementsAre("echo", "$? no")));
  EXPECT_THAT(ShellCommands({"banger image export a -o - \\", "  >a.tar 2>/dev/null"}),
              ElementsAre(ElementsAre("banger", "image", "export", "a", "-o", "-")));
  EXPECT_THAT(ShellCommands({"echo $(banger vm list -q)"}),
              ElementsAre(ElementsAre("echo"), ElementsAre("banger", "vm", "list", "-q")));
  EXPECT_THAT(WordsOfBanger({"sudo", "banger", "version"}).words, ElementsAre("version"));
  EXPECT_THAT(WordsOfBanger({"banger", "--context", "lab", "version"}).words, ElementsAre("version"));
  EXPECT_FALSE(WordsOfBanger({"sudo", "apt", "install", "banger"}).ours);
}

}  // namespace
}  // namespace banger::docs
