#include "services/vmd/adapters/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::vmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

Vm MakeVm(const std::string& uid, const std::string& name, int second = 0) {
  Vm vm{.uid = uid, .name = name};
  vm.state = VmState::kError;
  vm.state_detail = "it 'broke'; DROP TABLE vms";
  vm.provisional = true;
  vm.image = "mini";
  vm.sizes = {.vcpu = 2, .memory_mib = 512, .disk_size_bytes = 8ll << 30, .rootfs_size_bytes = 4ll << 30};
  vm.size_origins = {.vcpu = {SizeSource::kRequest, ""},
                     .memory_mib = {SizeSource::kUserConfig, "/home/a \"b\"/config.toml"},
                     .rootfs_size_bytes = {SizeSource::kBuiltIn, "8G"}};
  vm.exec = {.env = {"A=1", "B=two\nlines", "C=\"quoted\""},
             .user = "app",
             .working_dir = "/srv",
             .entrypoint = {"/app", ""},
             .cmd = {"a b"}};
  vm.network_mode = NetworkMode::kBridge;
  vm.address = "172.30.0.2";
  vm.ipv6_address = "fd00::ac1e:2";
  vm.workspace = "/root/app";
  vm.mac = "52:b4:ac:1e:00:02";
  vm.touch_time = Time(std::chrono::seconds(1'600'000'000));
  vm.create_time = Time(std::chrono::seconds(1'700'000'000 + second));
  vm.start_time = vm.create_time + std::chrono::microseconds(5);
  vm.boot_duration = std::chrono::milliseconds(812);
  return vm;
}

class SqliteStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    ASSERT_OK_AND_ASSIGN(store_, SqliteStore::Open(path()));
  }
  std::filesystem::path path() const { return dir_.path() / "vmd.sqlite3"; }

  TempDir dir_;
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(SqliteStoreTest, KeepsEveryFieldAcrossARestart) {
  const Vm vm = MakeVm("0123456789ab", "box");
  ASSERT_OK(store_->Insert(vm));
  store_.reset();
  ASSERT_OK_AND_ASSIGN(store_, SqliteStore::Open(path()));
  EXPECT_THAT(store_->Find(vm.uid), IsOkAndHolds(Optional(vm)));
}

TEST_F(SqliteStoreTest, UpdatesAllButNameAndCreation) {
  Vm vm = MakeVm("0123456789ab", "box");
  ASSERT_OK(store_->Insert(vm));
  vm.state = VmState::kRunning;
  vm.exec = {};
  vm.address.clear();
  vm.provisional = false;
  ASSERT_OK(store_->Update(vm));
  vm.touch_time += std::chrono::hours(1);
  ASSERT_OK(store_->Touch(vm.uid, vm.touch_time));
  EXPECT_THAT(store_->Find(vm.uid), IsOkAndHolds(Optional(vm)));
  EXPECT_THAT(store_->Update(MakeVm("ffffffffffff", "ghost")), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(SqliteStoreTest, ANameBelongsToOneOfManyThreads) {
  std::atomic<int> made = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&, i] {
      const absl::Status inserted = store_->Insert(MakeVm(absl::StrCat("00000000000", absl::Hex(i)), "box"));
      made += inserted.ok();
      refused += ErrorReason(inserted) == "VM_EXISTS";
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 1);
  EXPECT_EQ(refused, 15);
}

TEST_F(SqliteStoreTest, MatchesTheNameBeforeUidsThatBeginSo) {
  ASSERT_OK(store_->Insert(MakeVm("abc111111111", "one")));
  ASSERT_OK(store_->Insert(MakeVm("abc222222222", "two")));
  ASSERT_OK(store_->Insert(MakeVm("fff333333333", "abc")));
  EXPECT_THAT(store_->Match("abc"), IsOkAndHolds(ElementsAre(::testing::Field(&Vm::uid, "fff333333333"))));
  EXPECT_THAT(store_->Match("ab"), IsOkAndHolds(SizeIs(2)));
  EXPECT_THAT(store_->Match("abc1"), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(store_->Match("%"), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(store_->Match("ffff"), IsOkAndHolds(IsEmpty()));
}

TEST_F(SqliteStoreTest, ListsOnlyWhatIsUp) {
  for (const auto& [name, state] : {std::pair("created", VmState::kCreated),
                                    {"starting", VmState::kStarting},
                                    {"running", VmState::kRunning},
                                    {"stopping", VmState::kStopping},
                                    {"stopped", VmState::kStopped},
                                    {"error", VmState::kError},
                                    {"paused", VmState::kPaused}}) {
    Vm vm = MakeVm(name, name);
    vm.state = state;
    ASSERT_OK(store_->Insert(vm));
  }
  std::vector<std::string> up;
  ASSERT_OK_AND_ASSIGN(const std::vector<Vm> rows, store_->List("", 10, Which::kUp));
  for (const Vm& row : rows) up.push_back(row.name);
  EXPECT_THAT(up, ::testing::UnorderedElementsAre("starting", "running", "stopping", "paused"));
}

TEST_F(SqliteStoreTest, CountsByState) {
  EXPECT_THAT(store_->CountByState(), IsOkAndHolds(IsEmpty()));
  for (const auto& [name, state] :
       {std::pair("a", VmState::kRunning), {"b", VmState::kRunning}, {"c", VmState::kError}}) {
    Vm vm = MakeVm(name, name);
    vm.state = state;
    ASSERT_OK(store_->Insert(vm));
  }
  EXPECT_THAT(store_->CountByState(),
              IsOkAndHolds(ElementsAre(std::pair(VmState::kRunning, 2), std::pair(VmState::kError, 1))));
}

TEST_F(SqliteStoreTest, ListsByCreationInPages) {
  for (int i = 0; i < 5; ++i)
    ASSERT_OK(store_->Insert(MakeVm(absl::StrCat("00000000000", 9 - i), absl::StrCat("vm", i), i / 2)));
  std::vector<std::string> names;
  std::string after;
  for (int page = 0; page < 3; ++page) {
    ASSERT_OK_AND_ASSIGN(const std::vector<Vm> rows, store_->List(after, 2, Which::kAll));
    for (const Vm& vm : rows) {
      names.push_back(vm.name);
      after = absl::StrCat(vm.create_time.time_since_epoch() / std::chrono::microseconds(1), "/", vm.uid);
    }
  }
  EXPECT_THAT(names, ElementsAre("vm1", "vm0", "vm3", "vm2", "vm4"));
  EXPECT_THAT(store_->List("nonsense", 2, Which::kAll),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("page_token")));
}

TEST_F(SqliteStoreTest, ChangesAStateOnlyFromTheOneExpected) {
  ASSERT_OK(store_->Insert(MakeVm("0123456789ab", "box")));
  EXPECT_THAT(
      store_->ChangeState("0123456789ab", {VmState::kRunning, VmState::kPaused}, VmState::kStopped, "x"),
      IsOkAndHolds(false));
  EXPECT_THAT(store_->ChangeState("0123456789ab", {VmState::kError}, VmState::kStopped, "x"),
              IsOkAndHolds(true));
  EXPECT_EQ((*store_->Find("0123456789ab"))->state, VmState::kStopped);
}

TEST_F(SqliteStoreTest, TheLedgerOutlivesTheVmAndComesLastMadeFirst) {
  ASSERT_OK(store_->Insert(MakeVm("0123456789ab", "box")));
  ASSERT_OK(store_->Record({"0123456789ab", Resource::kImageLease, "mini"}));
  ASSERT_OK(store_->Record({"0123456789ab", Resource::kProcess, ""}));
  ASSERT_OK(store_->Record({"0123456789ab", Resource::kImageLease, "mini"}));
  ASSERT_OK(store_->Record({"ba9876543210", Resource::kTap, ""}));
  ASSERT_OK(store_->Delete("0123456789ab"));
  EXPECT_THAT(store_->Ledger("0123456789ab"),
              IsOkAndHolds(ElementsAre(LedgerEntry{"0123456789ab", Resource::kProcess, ""},
                                       LedgerEntry{"0123456789ab", Resource::kImageLease, "mini"})));
  EXPECT_THAT(store_->Ledger(""), IsOkAndHolds(SizeIs(3)));
  ASSERT_OK(store_->Strike("0123456789ab", Resource::kProcess));
  EXPECT_THAT(store_->Ledger("0123456789ab"), IsOkAndHolds(SizeIs(1)));
}

TEST_F(SqliteStoreTest, ANewerSchemaIsRefusedUntouched) {
  store_.reset();
  {
    ASSERT_OK_AND_ASSIGN(SqliteDatabase db, SqliteDatabase::Open(path()));
    ASSERT_OK(db.Execute("PRAGMA user_version=1000"));
  }
  EXPECT_THAT(SqliteStore::Open(path()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("newer banger")));
  ASSERT_OK_AND_ASSIGN(SqliteDatabase db, SqliteDatabase::Open(path()));
  SqliteStatement version = db.Prepare("PRAGMA user_version");
  ASSERT_THAT(version.Step(), IsOkAndHolds(true));
  EXPECT_EQ(version.Number(0), 1000);
}

TEST_F(SqliteStoreTest, AFailedMigrationLeavesTheOldVersion) {
  ASSERT_OK_AND_ASSIGN(SqliteDatabase db, SqliteDatabase::Open(dir_.path() / "other.sqlite3"));
  const std::vector<std::string> steps = {"CREATE TABLE a (x INTEGER)",
                                          "CREATE TABLE b (x INTEGER); CREATE TABLE a (y)"};
  EXPECT_THAT(db.Migrate(steps), StatusIs(absl::StatusCode::kInternal, HasSubstr("version 2")));
  SqliteStatement version = db.Prepare("PRAGMA user_version");
  ASSERT_THAT(version.Step(), IsOkAndHolds(true));
  EXPECT_EQ(version.Number(0), 1);
  EXPECT_OK(db.Execute("CREATE TABLE b (x INTEGER)"));  // the first half of step 2 was undone
}

TEST(SqliteDatabaseTest, AFileThatIsNoDatabaseIsNamed) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  ASSERT_OK(WriteFileAtomically(dir.path() / "x.sqlite3", std::string(8192, 'x')));
  EXPECT_THAT(SqliteStore::Open(dir.path() / "x.sqlite3"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("x.sqlite3")));
}

}  // namespace
}  // namespace banger::vmd
