#include "services/netd/adapters/file_ledger.h"

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::netd {
namespace {

using ::testing::HasSubstr;

class FileLedgerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }
  std::filesystem::path file() const { return dir_.path() / "endpoints.json"; }

  TempDir dir_;
};

TEST_F(FileLedgerTest, IsEmptyAtFirst) { EXPECT_THAT(FileLedger(file()).Load(), IsOkAndHolds(Records())); }

TEST_F(FileLedgerTest, GivesBackWhatWasSaved) {
  const Ipv4 address = *Ipv4::Parse("10.0.0.9");
  const Policy policy = {.nat = true,
                         .egress = {.mode = Egress::Mode::kListed,
                                    .networks = {*Prefix::Parse("10.0.0.0/8")},
                                    .domains = {"*.example.com"}},
                         .peers = {"b"}};
  const Records saved = {
      .endpoints =
          {{"a",
            {.id = "a", .address = address, .owner = 4294967294u, .tap = TapName(address), .policy = policy}},
           {"b", {.id = "b", .address = *Ipv4::Parse("10.0.0.10"), .owner = 0}}},
      .forwarding = {"eth0"}};
  ASSERT_OK(FileLedger(file()).Save(saved));
  EXPECT_THAT(FileLedger(file()).Load(), IsOkAndHolds(saved));
  ASSERT_OK(FileLedger(file()).Save({}));
  EXPECT_THAT(FileLedger(file()).Load(), IsOkAndHolds(Records()));
}

TEST_F(FileLedgerTest, KeepsUpWithRowsThatComeChangeAndGo) {
  FileLedger ledger(file());
  Records records = {.endpoints = {{"a", {.id = "a", .address = *Ipv4::Parse("10.0.0.9")}},
                                   {"b", {.id = "b", .address = *Ipv4::Parse("10.0.0.10")}}}};
  const auto saves = [&] {
    ASSERT_OK(ledger.Save(records));
    EXPECT_THAT(FileLedger(file()).Load(), IsOkAndHolds(records));
  };
  saves();
  records.endpoints["a"].policy.nat = true;
  saves();
  records.endpoints.erase("a");
  saves();
  records.endpoints["a"] = {.id = "a", .address = *Ipv4::Parse("10.0.0.11")};
  saves();
}

TEST_F(FileLedgerTest, NamesAFileThatItDoesNotUnderstand) {
  const std::string row = R"({"id":"a","address":"10.0.0.9","owner":1,"tap":""})";
  const std::vector<std::string> wrong = {
      "",
      "{",
      "[]",
      "null",
      R"({"version":2,"endpoints":[]})",
      R"({"version":1})",
      R"({"version":1,"endpoints":[{}]})",
      R"({"version":1,"endpoints":[)" + row + "," + row + "]}",
      R"({"version":1,"endpoints":[{"id":"../x","address":"10.0.0.9","owner":1,"tap":""}]})",
      R"({"version":1,"endpoints":[{"id":"a","address":"10.0.0","owner":1,"tap":""}]})",
      R"({"version":1,"endpoints":[{"id":"a","address":"10.0.0.9","owner":"root","tap":""}]})",
      R"({"version":1,"endpoints":[{"id":"a","address":"10.0.0.9","owner":1,"tap":"eth0"}]})"};
  for (const std::string& text : wrong) {
    ASSERT_OK(WriteFileAtomically(file(), text));
    EXPECT_THAT(FileLedger(file()).Load(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("endpoints.json")))
        << text;
  }
}

TEST_F(FileLedgerTest, ReadsRowsOfANetdThatKnewNoPolicies) {
  ASSERT_OK(WriteFileAtomically(
      file(), R"({"version":1,"endpoints":[{"id":"a","address":"10.0.0.9","owner":1,"tap":""}]})"));
  ASSERT_OK_AND_ASSIGN(const Records records, FileLedger(file()).Load());
  EXPECT_EQ(records.endpoints.at("a").policy, Policy());
}

TEST_F(FileLedgerTest, SaysWhenItCannotWrite) {
  EXPECT_THAT(FileLedger(dir_.path() / "gone" / "endpoints.json").Save({}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("gone")));
}

}  // namespace
}  // namespace banger::netd
