#pragma once

#include <span>
#include <utility>

#include "common/archive/byte_source.h"
#include "common/os/unique_fd.h"

namespace banger::imaged {

// The bytes of an open file, which it owns.
class FileSource final : public ByteSource {
 public:
  explicit FileSource(UniqueFd file) : file_(std::move(file)), bytes_(file_.get()) {}
  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override { return bytes_.Read(buffer); }

 private:
  const UniqueFd file_;
  FdSource bytes_;
};

}  // namespace banger::imaged
