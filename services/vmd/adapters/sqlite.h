// SQLite with owners and absl::Status.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::vmd {

// A prepared statement, run once. Values are bound in order.
class SqliteStatement {
 public:
  SqliteStatement(sqlite3* db, const std::string& sql);
  SqliteStatement& Bind(const std::string& text);
  SqliteStatement& Bind(std::int64_t number);

  // True when there is a row, false at the end.
  absl::StatusOr<bool> Step();
  // To the end.
  absl::Status Run();

  std::string Text(int column) const;
  std::int64_t Number(int column) const { return sqlite3_column_int64(statement_.get(), column); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  sqlite3* db_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
  int error_ = SQLITE_OK;  // the first one
};

// A database file: write-ahead log, foreign keys, and a busy timeout for
// whoever looks at it with sqlite3. Not thread-safe.
class SqliteDatabase {
 public:
  static absl::StatusOr<SqliteDatabase> Open(const std::filesystem::path& path);

  SqliteStatement Prepare(const std::string& sql) { return {db_.get(), sql}; }
  // Statements without values or results.
  absl::Status Execute(const std::string& sql);
  // How many rows the last statement changed.
  int changes() const { return sqlite3_changes(db_.get()); }

  // Brings the schema up to date: `migrations[n]` leads from version n to n+1,
  // each in a transaction of its own. FAILED_PRECONDITION, touching nothing,
  // when the file is from a newer program.
  absl::Status Migrate(const std::vector<std::string>& migrations);

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  SqliteDatabase(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}

  std::unique_ptr<sqlite3, Close> db_;
  std::string path_;
};

}  // namespace banger::vmd
