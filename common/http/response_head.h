#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace banger::http {

// What a server says before the bytes. Numbers that make no sense are left out.
struct ResponseHead {
  int status = 0;
  std::optional<std::int64_t> content_length;
  // "bytes 5-9/10": where the bytes start, and how many there are in all.
  std::optional<std::int64_t> range_start;
  std::optional<std::int64_t> range_total;
  std::string etag;
  std::string last_modified;
  std::optional<std::chrono::seconds> retry_after;
  // All of them, with names in lower case.
  std::vector<std::pair<std::string, std::string>> fields;

  // "HTTP/1.1 200 OK" begins a new head, other lines add to it.
  void AddLine(absl::string_view line);

  // The field's first value; empty when there is none.
  std::string Field(absl::string_view name) const;

  // For If-Range: what tells two versions apart to the byte; may be empty.
  std::string Validator() const;
};

}  // namespace banger::http
