#include "services/netd/adapters/file_ledger.h"

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::netd {
namespace {

using ::testing::HasSubstr;

class FileLedgerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    ASSERT_OK(FileLedger::Prepare(dir_.path()));
  }
  std::filesystem::path row(const std::string& id) const {
    return dir_.path() / "endpoints" / (id + ".json");
  }
  // As another netd finds it.
  FileLedger::Contents Load() {
    const auto contents = FileLedger(dir_.path()).Load();
    EXPECT_OK(contents.status());
    return contents.value_or(FileLedger::Contents());
  }

  TempDir dir_;
};

Endpoint Row(const std::string& id, const std::string& address) {
  return {.id = id, .address = *Ipv4::Parse(address)};
}

TEST_F(FileLedgerTest, IsEmptyAtFirst) {
  EXPECT_EQ(Load().records, Records());
  EXPECT_OK(Load().damage);
}

TEST_F(FileLedgerTest, GivesBackWhatWasSaved) {
  Endpoint endpoint = Row("a", "10.0.0.9");
  endpoint.owner = 4294967294u;
  endpoint.tap = TapName(endpoint.address);
  endpoint.hostname = "web";
  endpoint.policy = {.nat = true,
                     .egress = {.mode = Egress::Mode::kListed,
                                .networks = {*Prefix::Parse("10.0.0.0/8")},
                                .domains = {"*.example.com"}},
                     .peers = {"b"}};
  FileLedger ledger(dir_.path());
  ASSERT_OK(ledger.Save(endpoint));
  ASSERT_OK(ledger.Save(Row("b", "10.0.0.10")));
  ASSERT_OK(ledger.SaveForwarding({.ipv4 = {"eth0"}, .ipv6 = {"wlan0"}}));
  Records records = {.endpoints = {{"a", endpoint}, {"b", Row("b", "10.0.0.10")}},
                     .forwarding = {.ipv4 = {"eth0"}, .ipv6 = {"wlan0"}}};
  EXPECT_EQ(Load().records, records);

  ASSERT_OK(ledger.Save(Row("a", "10.0.0.11")));
  ASSERT_OK(ledger.Remove("b"));
  ASSERT_OK(ledger.Remove("b"));
  ASSERT_OK(ledger.SaveForwarding({}));
  records = {.endpoints = {{"a", Row("a", "10.0.0.11")}}};
  EXPECT_EQ(Load().records, records);
}

TEST_F(FileLedgerTest, LosesOnlyTheRowsThatItDoesNotUnderstandAndNamesThem) {
  const std::vector<std::string> wrong = {
      "",
      "{",
      "[]",
      "null",
      "{}",
      R"({"id":"x","address":"10.0.0.8","owner":1,"tap":""})",
      R"({"version":2,"id":"x","address":"10.0.0.8","owner":1,"tap":""})",
      R"({"version":1,"id":"y","address":"10.0.0.8","owner":1,"tap":""})",
      R"({"version":1,"id":"../x","address":"10.0.0.8","owner":1,"tap":""})",
      R"({"version":1,"id":"x","address":"10.0.0","owner":1,"tap":""})",
      R"({"version":1,"id":"x","address":"10.0.0.8","owner":"root","tap":""})",
      R"({"version":1,"id":"x","address":"10.0.0.8","owner":1,"tap":"eth0"})"};
  ASSERT_OK(FileLedger(dir_.path()).Save(Row("a", "10.0.0.9")));
  const Records kept = {.endpoints = {{"a", Row("a", "10.0.0.9")}}};
  for (const std::string& text : wrong) {
    ASSERT_OK(WriteFileAtomically(row("x"), text));
    const FileLedger::Contents contents = Load();
    EXPECT_EQ(contents.records, kept) << text;
    EXPECT_THAT(contents.damage, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("endpoints/x.json")))
        << text;
    EXPECT_OK(Load().damage) << "still there: " << text;
  }
}

TEST_F(FileLedgerTest, GivesAnAddressToOneEndpointOnly) {
  FileLedger ledger(dir_.path());
  ASSERT_OK(ledger.Save(Row("a", "10.0.0.9")));
  ASSERT_OK(ledger.Save(Row("b", "10.0.0.9")));
  const FileLedger::Contents contents = Load();
  EXPECT_EQ(contents.records.endpoints.size(), 1u);
  EXPECT_THAT(contents.damage, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("10.0.0.9")));
}

TEST_F(FileLedgerTest, RemovesWhatACrashLeftHalfWritten) {
  ASSERT_OK(WriteFileAtomically(row("a").string() + ".Xy12ab", "{\"vers"));
  EXPECT_OK(Load().damage);
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path() / "endpoints"));
}

TEST_F(FileLedgerTest, SaysWhenItCannotWrite) {
  EXPECT_THAT(FileLedger(dir_.path() / "gone").Save(Row("a", "10.0.0.9")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("gone")));
}

}  // namespace
}  // namespace banger::netd
