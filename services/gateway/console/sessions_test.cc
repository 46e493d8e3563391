#include "services/gateway/console/sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace banger::gateway {
namespace {

using namespace std::chrono_literals;

class SessionsTest : public ::testing::Test {
 protected:
  ConsoleSessions::Opened Open() { return *sessions_.Redeem(sessions_.NewLogin({"uid:7", Role::kViewer})); }
  bool IsOpen(const ConsoleSessions::Opened& opened) {
    return sessions_.Find(opened.cookie, opened.proof) != nullptr;
  }

  std::chrono::steady_clock::time_point now_ = std::chrono::steady_clock::now();
  ConsoleSessions sessions_{[this] { return now_; }};
};

TEST_F(SessionsTest, ALoginOpensOneSessionOfItsUser) {
  const std::string login = sessions_.NewLogin({"uid:7", Role::kOperator});
  const auto opened = sessions_.Redeem(login);
  ASSERT_TRUE(opened.has_value());
  EXPECT_FALSE(sessions_.Redeem(login).has_value());
  const auto session = sessions_.Find(opened->cookie, opened->proof);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->user.name, "uid:7");
  EXPECT_EQ(session->user.role, Role::kOperator);
}

TEST_F(SessionsTest, SecretsAreLongAndNeverTheSame) {
  const auto one = Open(), other = Open();
  EXPECT_GE(one.cookie.size(), 43u);
  EXPECT_NE(one.cookie, other.cookie);
  EXPECT_NE(one.proof, other.proof);
  EXPECT_NE(one.cookie, one.proof);
}

TEST_F(SessionsTest, NeitherCookieNorProofIsEnough) {
  const auto one = Open(), other = Open();
  EXPECT_EQ(sessions_.Find(one.cookie, ""), nullptr);
  EXPECT_EQ(sessions_.Find("", one.proof), nullptr);
  EXPECT_EQ(sessions_.Find(one.cookie, other.proof), nullptr);
  EXPECT_EQ(sessions_.Find(one.proof, one.cookie), nullptr);
  EXPECT_FALSE(sessions_.Redeem("").has_value());
  EXPECT_TRUE(IsOpen(one));
}

TEST_F(SessionsTest, ALoginIsForTwoMinutes) {
  const std::string login = sessions_.NewLogin({"uid:7", Role::kViewer});
  now_ += 2min;
  EXPECT_FALSE(sessions_.Redeem(login).has_value());
}

TEST_F(SessionsTest, ASessionEndsWhenIdleForAnHourAndAfterTwelve) {
  const auto idle = Open();
  now_ += 59min;
  EXPECT_TRUE(IsOpen(idle));
  now_ += 60min;
  EXPECT_FALSE(IsOpen(idle));
  const auto busy = Open();
  for (int i = 0; i < 23; ++i) {
    now_ += 30min;
    EXPECT_TRUE(IsOpen(busy));
  }
  now_ += 30min;
  EXPECT_FALSE(IsOpen(busy));
}

TEST_F(SessionsTest, WhatASessionHasUnderWayEndsWithIt) {
  const auto out = Open(), old = Open();
  const auto out_session = sessions_.Find(out.cookie, out.proof);
  const auto old_session = sessions_.Find(old.cookie, old.proof);
  sessions_.End(out.cookie);
  EXPECT_TRUE(out_session->ended.stop_requested());
  EXPECT_FALSE(IsOpen(out));
  EXPECT_FALSE(old_session->ended.stop_requested());
  now_ += 1h;
  sessions_.EndExpired();
  EXPECT_TRUE(old_session->ended.stop_requested());
}

TEST_F(SessionsTest, OfTooManyTheOldestGoes) {
  const auto first = Open(), second = Open();
  for (std::size_t i = 2; i < ConsoleSessions::kMaxSessions; ++i) Open();
  now_ += 1min;
  EXPECT_TRUE(IsOpen(first));
  const auto session = sessions_.Find(second.cookie, second.proof);
  now_ += 1min;
  EXPECT_TRUE(IsOpen(first));
  const auto last = Open();
  EXPECT_TRUE(IsOpen(first));
  EXPECT_TRUE(IsOpen(last));

  std::vector<std::string> logins;
  for (std::size_t i = 0; i <= ConsoleSessions::kMaxLogins; ++i) {
    logins.push_back(sessions_.NewLogin({"uid:7", Role::kViewer}));
    now_ += 1s;
  }
  EXPECT_FALSE(sessions_.Redeem(logins.front()).has_value());
  EXPECT_TRUE(sessions_.Redeem(logins.back()).has_value());
}

}  // namespace
}  // namespace banger::gateway
