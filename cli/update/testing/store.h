// vmd's database, as far as an update looks at it.
#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"

namespace banger::cli {

// Makes it, or brings it to that schema; `vms` rows are added. Left as a vmd that was killed
// leaves it when not `closed`: what was written is in the log beside it.
inline void WriteStore(const std::filesystem::path& database, int version, const std::string& vm,
                       bool closed = true) {
  sqlite3* db = nullptr;
  sqlite3_open(database.c_str(), &db);
  if (!closed) sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_exec(
      db,
      absl::StrCat("PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS vm(name); INSERT INTO vm VALUES('",
                   vm, "'); PRAGMA user_version=", version)
          .c_str(),
      nullptr, nullptr, nullptr);
  sqlite3_close(db);
}

// The VMs' names, one after the other.
inline std::string VmsIn(const std::filesystem::path& database) {
  sqlite3* db = nullptr;
  sqlite3_open_v2(database.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr);
  std::string vms;
  sqlite3_exec(
      db, "SELECT name FROM vm ORDER BY rowid",
      [](void* out, int, char** columns, char**) {
        absl::StrAppend(static_cast<std::string*>(out), columns[0], " ");
        return 0;
      },
      &vms, nullptr);
  sqlite3_close(db);
  return vms;
}

}  // namespace banger::cli
