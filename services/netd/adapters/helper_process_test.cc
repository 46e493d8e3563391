#include "services/netd/adapters/helper_process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"

namespace banger::netd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Message = HelperProcess::Message;

HelperProcess::Options Echo() {
  return {.name = "echo",
          .confine = [] { return absl::OkStatus(); },
          .serve = [](const Message& m) { return m; }};
}

TEST(HelperProcessTest, AnswersWhateverTheBytesAre) {
  ASSERT_OK_AND_ASSIGN(const auto helper, HelperProcess::Start(Echo()));
  EXPECT_NE(helper->pid(), ::getpid());
  const std::string zeros("\0\n\xff", 3);
  const std::string large(5 << 20, 'x');
  EXPECT_THAT(helper->Ask({zeros, "", large}), IsOkAndHolds(ElementsAre(zeros, "", large)));
  EXPECT_THAT(helper->Ask({}), IsOkAndHolds(ElementsAre()));
}

TEST(HelperProcessTest, ManyAskAtOnceAndEachHasItsOwnAnswer) {
  ASSERT_OK_AND_ASSIGN(const auto helper, HelperProcess::Start(Echo()));
  std::vector<std::jthread> askers;
  for (int asker = 0; asker < 8; ++asker)
    askers.emplace_back([&, asker] {
      for (int i = 0; i < 200; ++i) {
        const std::string question = absl::StrCat(asker, " ", i);
        EXPECT_THAT(helper->Ask({question}), IsOkAndHolds(ElementsAre(question)));
      }
    });
}

TEST(HelperProcessTest, OneThatCannotConfineItselfDoesNotStart) {
  HelperProcess::Options options = Echo();
  options.confine = [] { return absl::PermissionDeniedError("no way"); };
  EXPECT_THAT(HelperProcess::Start(std::move(options)),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("'echo': no way")));
}

TEST(HelperProcessTest, HasNoDescriptorsOfOurs) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd secret, OpenFile("/dev/null", O_RDWR));
  ASSERT_OK_AND_ASSIGN(const auto first, HelperProcess::Start(Echo()));
  ASSERT_OK_AND_ASSIGN(const auto second, HelperProcess::Start(Echo()));
  int open = 0;
  for ([[maybe_unused]] const auto& fd :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", second->pid(), "/fd")))
    ++open;
  EXPECT_LE(open, 4);  // 0, 1, 2 and its socket
}

TEST(HelperProcessTest, ItsLossIsToldOnceAndEveryQuestionFails) {
  std::atomic<int> lost = 0;
  HelperProcess::Options options = Echo();
  options.on_lost = [&] { ++lost; };
  ASSERT_OK_AND_ASSIGN(const auto helper, HelperProcess::Start(std::move(options)));
  ASSERT_EQ(::kill(helper->pid(), SIGKILL), 0);
  EXPECT_THAT(helper->Ask({"?"}), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("'echo'")));
  EXPECT_THAT(helper->Ask({"?"}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(lost, 1);
}

TEST(HelperProcessTest, EndsWithWhomItHelps) {
  ASSERT_OK_AND_ASSIGN(auto helper, HelperProcess::Start(Echo()));
  const pid_t pid = helper->pid();
  helper.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
}

}  // namespace
}  // namespace banger::netd
