#include "cli/doctor/store.h"

#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace banger::cli {
namespace {

constexpr char kCheck[] = "store";
constexpr char kRestore[] = "sudo systemctl stop banger-vmd, and restore it from a backup";

// While vmd has it open there are a log and shared memory beside it, which are read as
// they are. Without them it is whole by itself, and nothing is to be made beside it.
std::string Uri(const std::filesystem::path& database) {
  std::error_code error;
  const bool in_use = std::filesystem::exists(database.string() + "-wal", error);
  const std::string path = absl::StrReplaceAll(database.string(), {{"%", "%25"}, {"?", "%3f"}, {"#", "%23"}});
  return absl::StrCat("file:", path, in_use ? "?mode=ro&readonly_shm=1" : "?immutable=1");
}

// The single value that a statement gives; what is wrong when there is none.
std::string Ask(sqlite3* db, const char* statement) {
  sqlite3_stmt* prepared = nullptr;
  std::string answer;
  if (sqlite3_prepare_v2(db, statement, -1, &prepared, nullptr) == SQLITE_OK &&
      sqlite3_step(prepared) == SQLITE_ROW)
    answer = reinterpret_cast<const char*>(sqlite3_column_text(prepared, 0));
  else
    answer = sqlite3_errmsg(db);
  sqlite3_finalize(prepared);
  return answer;
}

using Database = std::unique_ptr<sqlite3, int (*)(sqlite3*)>;

// With SQLite's code.
std::pair<int, Database> Open(const std::filesystem::path& database) {
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(Uri(database).c_str(), &opened, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr);
  return {code, Database(opened, sqlite3_close)};
}

}  // namespace

absl::StatusOr<int> StoreVersion(const std::filesystem::path& database) {
  if (::access(database.c_str(), F_OK) != 0 && errno == ENOENT) return 0;
  const auto [code, db] = Open(database);
  const std::string answer = code == SQLITE_OK ? Ask(db.get(), "PRAGMA user_version") : sqlite3_errstr(code);
  int version = 0;
  if (absl::SimpleAtoi(answer, &version)) return version;
  return absl::FailedPreconditionError(absl::StrCat("'", database.string(), "': ", answer));
}

Finding CheckStore(const std::filesystem::path& database) {
  const std::string path = database.string();
  if (::access(path.c_str(), R_OK) != 0) {
    if (errno == EACCES)
      return Warning(kCheck, absl::StrCat("'", path, "' is not for you to look at"), "sudo banger doctor");
    if (errno == ENOENT || errno == ENOTDIR)
      return Pass(kCheck, absl::StrCat("'", path, "' is not there yet: vmd makes it"));
    return Failure(kCheck, absl::StrCat("'", path, "': ", std::strerror(errno)), kRestore);
  }
  const auto [code, db] = Open(database);
  const std::string state = code == SQLITE_OK ? Ask(db.get(), "PRAGMA quick_check(1)") : sqlite3_errstr(code);
  if (state != "ok") return Failure(kCheck, absl::StrCat("'", path, "': ", state), kRestore);
  int version = 0;
  if (!absl::SimpleAtoi(Ask(db.get(), "PRAGMA user_version"), &version) || version > kNewestStore)
    return Failure(kCheck,
                   absl::StrCat("'", path, "' is of version ", version,
                                ", written by a newer banger; this one's vmd knows ", kNewestStore,
                                " and leaves it alone"),
                   "install that newer banger again");
  return Pass(kCheck, absl::StrCat("'", path, "' is sound, of version ", version));
}

}  // namespace banger::cli
