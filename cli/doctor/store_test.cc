#include "cli/doctor/store.h"

#include <sqlite3.h>

#include <set>

#include "cli/doctor/testing/is.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;

class DoctorStoreTest : public ::testing::Test {
 protected:
  sqlite3* Open() const {
    sqlite3* db = nullptr;
    sqlite3_open(path_.c_str(), &db);
    sqlite3_exec(db,
                 "PRAGMA journal_mode=WAL; PRAGMA user_version=7; CREATE TABLE IF NOT EXISTS vm(name); "
                 "INSERT INTO vm VALUES('web')",
                 nullptr, nullptr, nullptr);
    return db;
  }
  // Names, sizes and contents.
  std::set<std::string> State() const {
    std::set<std::string> state;
    for (const auto& entry : fs::directory_iterator(directory_.path()))
      // Locks are taken in the shared memory.
      state.insert(entry.path().string() +
                   (entry.path().extension() == ".sqlite3-shm" ? "" : ReadFile(entry.path()).value_or("")));
    return state;
  }

  const TempDir directory_ = *TempDir::Create();
  const fs::path path_ = directory_.path() / "vmd.sqlite3";
};

TEST_F(DoctorStoreTest, IsReadWithoutMakingOrChangingAnything) {
  EXPECT_THAT(CheckStore(path_), Is(Verdict::kPass, "not there yet"));
  EXPECT_TRUE(State().empty());
  sqlite3_close(Open());
  std::set<std::string> before = State();
  EXPECT_THAT(CheckStore(path_), Is(Verdict::kPass, "of version 7"));
  EXPECT_EQ(State(), before);

  sqlite3* in_use = Open();
  before = State();
  EXPECT_THAT(CheckStore(path_), Is(Verdict::kPass, "of version 7"));
  EXPECT_EQ(State(), before);
  sqlite3_close(in_use);
}

TEST_F(DoctorStoreTest, WhatIsDamagedIsSeen) {
  ASSERT_OK(WriteFileAtomically(path_, std::string(8192, 'x')));
  EXPECT_THAT(CheckStore(path_), Is(Verdict::kFail, "not a database"));
}

TEST_F(DoctorStoreTest, ANewerBangersIsLeftAlone) {
  sqlite3* db = Open();
  sqlite3_exec(db, "PRAGMA user_version=99", nullptr, nullptr, nullptr);
  EXPECT_THAT(CheckStore(path_), Is(Verdict::kFail, "of version 99, written by a newer banger"));
  sqlite3_close(db);
}

}  // namespace
}  // namespace banger::cli
