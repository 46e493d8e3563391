// Catalogs: what can be pulled, from where, and what exactly must arrive. A
// catalog is {version, entries: [...]}; what an entry has besides its name is a
// matter of whoever uses it. All of this is as hostile as the place it comes from.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/json/fields.h"
#include "common/status/status_macros.h"

namespace banger::catalog {

// An entry has a member `id`, which is unique.
template <typename Entry>
struct Catalog {
  std::int64_t version = 0;  // from 1 on; never goes back
  std::vector<Entry> entries;
};

// An entry from its JSON object; `origin` says which catalog has it. An error
// need not say that it is about a catalog.
template <typename Entry>
using EntryParser = absl::StatusOr<Entry> (*)(const Json& item, const std::string& origin);

// A file that an entry names.
struct RemoteFile {
  std::string url;
  std::string sha256;  // hex
  std::int64_t size_bytes = 0;
};

// INVALID_ARGUMENT, naming the field: `prefix` + "_url" and so on.
absl::Status CheckRemoteFile(const RemoteFile& file, absl::string_view prefix, std::int64_t max_bytes);

// INVALID_ARGUMENT for overlong texts and such as could do harm to a terminal.
absl::Status CheckTexts(std::initializer_list<const std::string*> texts);

// What all catalogs share.
struct Frame {
  std::int64_t version = 0;
  Json entries;  // an array of objects
};
// INVALID_ARGUMENT.
absl::StatusOr<Frame> ParseFrame(const std::string& text);

// INVALID_ARGUMENT, naming the entry. Fields that nobody knows are for later and
// left alone.
template <typename Entry>
absl::StatusOr<Catalog<Entry>> ParseCatalog(const std::string& text, const std::string& origin,
                                            EntryParser<Entry> parse) {
  BANGER_ASSIGN_OR_RETURN(const Frame frame, ParseFrame(text));
  Catalog<Entry> catalog{.version = frame.version};
  std::set<std::string> names;
  for (const Json& item : frame.entries) {
    absl::StatusOr<Entry> entry = parse(item, origin);
    if (!entry.ok()) return absl::InvalidArgumentError(absl::StrCat("catalog: ", entry.status().message()));
    if (!names.insert(entry->id).second)
      return absl::InvalidArgumentError(absl::StrCat("catalog: entry '", entry->id, "' is there twice"));
    catalog.entries.push_back(*std::move(entry));
  }
  return catalog;
}

}  // namespace banger::catalog
