#include "services/agent/core/ssh.h"

#include "common/testing/status_matchers.h"

namespace banger::agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

TEST(SshTest, OnlyAPlainPublicKeyIsAuthorized) {
  EXPECT_THAT(AuthorizedKey("ssh-ed25519 AAAAC3Nz+/="), IsOkAndHolds("ssh-ed25519 AAAAC3Nz+/=\n"));
  EXPECT_OK(AuthorizedKey("sk-ssh-ed25519@openssh.com AAAA"));
  for (const char* wrong :
       {"", "ssh-ed25519", "ssh-ed25519 ", " AAAA", "ssh-ed25519 AAAA comment", "ssh-ed25519 AAAA\n",
        "ssh-ed25519 AAAA\nssh-ed25519 BBBB", "command=\"x\" ssh-ed25519 AAAA", "ssh-ed25519\tAAAA"})
    EXPECT_THAT(AuthorizedKey(wrong), StatusIs(absl::StatusCode::kInvalidArgument)) << wrong;
  EXPECT_THAT(AuthorizedKey(std::string("ssh-rsa A\0A", 11)), Not(IsOk()));
  EXPECT_THAT(AuthorizedKey("ssh-rsa " + std::string(20000, 'A')), Not(IsOk()));
}

TEST(SshTest, AnImagesEnvironmentReachesTheShellButNotDropbear) {
  const Environment image = {
      "PATH=/app/bin:/bin", "LD_PRELOAD=/evil.so", "TERM=vt52", "HOME=/image", "USER=app", "EMPTY="};
  Environment given = Disguise(image);
  EXPECT_THAT(given, Not(Contains(HasSubstr("HOME="))));
  for (const std::string& entry : given) EXPECT_THAT(entry, ::testing::StartsWith("BANGER_ENV_"));
  // What dropbear and ssh/accounts add.
  for (const char* entry : {"PATH=/usr/bin", "HOME=/run/banger/ssh/x", "SHELL=/run/banger/agent", "USER=me",
                            "LOGNAME=me", "TERM=xterm", "BANGER_SSH_KEYS=/run/banger/ssh/x",
                            "BANGER_SSH_HOME=/home/me", "BANGER_SSH_SHELL=/bin/zsh"})
    given.emplace_back(entry);

  EXPECT_THAT(LoginEnvironment(given),
              UnorderedElementsAre("PATH=/app/bin:/bin", "LD_PRELOAD=/evil.so", "TERM=xterm",
                                   "EMPTY=", "USER=me", "LOGNAME=me", "HOME=/home/me", "SHELL=/bin/zsh"));
}

}  // namespace
}  // namespace banger::agent
