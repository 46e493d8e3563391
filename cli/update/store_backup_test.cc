#include "cli/update/store_backup.h"

#include <sys/stat.h>

#include "cli/doctor/store.h"
#include "cli/update/testing/store.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;

class StoreBackupTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(MakeDirectories(database_.parent_path())); }

  const TempDir directory_ = *TempDir::Create();
  const fs::path database_ = directory_.path() / "state/vmd.sqlite3";
  const fs::path backup_ = directory_.path() / "store";
};

TEST_F(StoreBackupTest, AnOlderSchemaComesBackWithItsVmsAndTheNewerOneIsKept) {
  for (const bool closed : {true, false}) {
    WriteStore(database_, 7, "old", closed);
    ASSERT_OK(BackUpStore(database_, backup_));
    WriteStore(database_, 8, "new", closed);
    ASSERT_OK(RestoreStore(database_, backup_));
    EXPECT_THAT(StoreVersion(database_), IsOkAndHolds(7)) << closed;
    EXPECT_EQ(VmsIn(database_), "old ") << closed;
    EXPECT_EQ(VmsIn(database_.string() + ".newer"), "old new ") << closed;
    fs::remove_all(backup_);
    fs::remove_all(database_.parent_path());
    ASSERT_OK(MakeDirectories(database_.parent_path()));
  }
}

TEST_F(StoreBackupTest, WhatIsNotNewerIsLeftAlone) {
  WriteStore(database_, 7, "old");
  ASSERT_OK(BackUpStore(database_, backup_));
  WriteStore(database_, 7, "another");
  ASSERT_OK(RestoreStore(database_, backup_));
  EXPECT_EQ(VmsIn(database_), "old another ");
}

TEST_F(StoreBackupTest, WithoutADatabaseThereIsNothingToDo) {
  EXPECT_OK(BackUpStore(database_, backup_));
  EXPECT_OK(RestoreStore(database_, backup_));
  EXPECT_TRUE(fs::is_empty(database_.parent_path()));
}

// The database's directory is user banger's, and this runs as root.
TEST_F(StoreBackupTest, NoLinkIsFollowed) {
  const fs::path secret = directory_.path() / "secret";
  ASSERT_OK(WriteFileAtomically(secret, "secret", 0600));
  fs::create_symlink(secret, database_);
  EXPECT_THAT(BackUpStore(database_, backup_), ::testing::Not(IsOk()));
  fs::remove(database_);

  WriteStore(database_, 7, "old");
  ASSERT_OK(BackUpStore(database_, backup_));
  WriteStore(database_, 8, "new");
  fs::create_symlink(secret, database_.string() + ".part");
  fs::create_symlink(secret, database_.string() + ".newer");
  ASSERT_OK(RestoreStore(database_, backup_));
  EXPECT_EQ(VmsIn(database_), "old ");
  EXPECT_THAT(ReadFile(secret), IsOkAndHolds("secret"));
}

}  // namespace
}  // namespace banger::cli
