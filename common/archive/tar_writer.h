// Writes a tar into a sink: ustar headers, with pax records where those do not
// suffice (long names and targets, large numbers, nanoseconds, xattrs, holes).
// The same members give the same bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/archive/archive_reader.h"

namespace banger {

// A piece of a file that is no hole.
struct DataRange {
  std::int64_t offset = 0;
  std::int64_t size = 0;
};

// Not thread-safe.
class TarWriter {
 public:
  using Sink = std::function<absl::Status(absl::string_view)>;

  explicit TarWriter(Sink sink) : sink_(std::move(sink)) {}

  // Begins a member; the path's and target's bytes are taken as they are, a
  // directory's path gets its slash. INVALID_ARGUMENT for sockets, which have no
  // place in a tar. `data` says where in a file's entry.size bytes there is
  // something else than a hole, in rising order without overlap, in whole blocks of
  // 512 bytes but for the end of the last one; for a member without content it is
  // empty. All that the ranges hold has to be written before
  // the next call.
  absl::Status Begin(const ArchiveEntry& entry, const std::vector<DataRange>& data = {});

  // The next bytes of the ranges.
  absl::Status Write(absl::string_view bytes);

  // The end of the archive. FAILED_PRECONDITION when the last member lacks bytes.
  absl::Status Finish();

 private:
  absl::Status EndMember();
  absl::Status WriteHeader(const std::string& path, char type, const ArchiveEntry& entry, std::int64_t size);
  absl::Status WritePax(const std::map<std::string, std::string>& records);

  const Sink sink_;
  std::int64_t missing_ = 0;  // of the member at hand
  std::size_t padding_ = 0;   // behind it
};

}  // namespace banger
