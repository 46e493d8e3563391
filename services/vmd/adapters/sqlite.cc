#include "services/vmd/adapters/sqlite.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

absl::Status Error(sqlite3* db, int code, const std::string& what) {
  const std::string message =
      absl::StrCat(what, ": ", db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_FULL:
      return DiskFull(message);
    case SQLITE_CONSTRAINT:
      return absl::AlreadyExistsError(message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(message);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace

SqliteStatement::SqliteStatement(sqlite3* db, const std::string& sql) : db_(db) {
  sqlite3_stmt* statement = nullptr;
  error_ = sqlite3_prepare_v2(db, sql.c_str(), static_cast<int>(sql.size()), &statement, nullptr);
  statement_.reset(statement);
}

SqliteStatement& SqliteStatement::Bind(const std::string& text) {
  if (error_ == SQLITE_OK)
    error_ = sqlite3_bind_text(statement_.get(), ++bound_, text.data(), static_cast<int>(text.size()),
                               SQLITE_TRANSIENT);
  return *this;
}

SqliteStatement& SqliteStatement::Bind(std::int64_t number) {
  if (error_ == SQLITE_OK) error_ = sqlite3_bind_int64(statement_.get(), ++bound_, number);
  return *this;
}

absl::StatusOr<bool> SqliteStatement::Step() {
  if (error_ != SQLITE_OK) return Error(db_, error_, "prepare a statement of the VM store");
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return Error(db_, result, "use the VM store");
}

absl::Status SqliteStatement::Run() {
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const bool more, Step());
    if (!more) return absl::OkStatus();
  }
}

std::string SqliteStatement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) return "";
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

absl::StatusOr<SqliteDatabase> SqliteDatabase::Open(const std::filesystem::path& path) {
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(
      path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  SqliteDatabase db(handle, path.string());
  if (result != SQLITE_OK) return Error(handle, result, absl::StrCat("open '", path.string(), "'"));
  sqlite3_extended_result_codes(handle, 1);
  // NORMAL: a crash of vmd loses nothing. With the power the last transactions
  // may go, and all VMMs with them; what is left then is found by looking at the
  // host (VmManager::CollectGarbage).
  BANGER_RETURN_IF_ERROR(
      db.Execute("PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA "
                 "foreign_keys=ON;"));
  return db;
}

absl::Status SqliteDatabase::Execute(const std::string& sql) {
  const int result = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return Error(db_.get(), result, absl::StrCat("use '", path_, "'"));
  return absl::OkStatus();
}

absl::Status SqliteDatabase::Migrate(const std::vector<std::string>& migrations) {
  SqliteStatement query = Prepare("PRAGMA user_version");
  BANGER_RETURN_IF_ERROR(query.Step().status());
  const std::int64_t version = query.Number(0);
  const auto newest = static_cast<std::int64_t>(migrations.size());
  if (version > newest)
    return absl::FailedPreconditionError(absl::StrCat("'", path_, "' has schema version ", version,
                                                      ", this program knows ", newest,
                                                      ": it was written by a newer banger"));
  for (std::int64_t from = version; from < newest; ++from) {
    const absl::Status done =
        Execute(absl::StrCat("BEGIN IMMEDIATE; ", migrations[static_cast<std::size_t>(from)],
                             "; PRAGMA user_version=", from + 1, "; COMMIT;"));
    if (done.ok()) continue;
    Execute("ROLLBACK").IgnoreError();
    return Annotate(done, absl::StrCat("migrate to schema version ", from + 1));
  }
  return absl::OkStatus();
}

}  // namespace banger::vmd
