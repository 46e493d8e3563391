// Tars made by hand for tests, also such as no tar program would write.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace banger {

class TarBuilder {
 public:
  struct Header {
    std::string path;
    char type = '0';  // the ustar type flag
    std::string content;
    std::string link_target;
    unsigned mode = 0644;
    unsigned uid = 0;
    unsigned gid = 0;
    std::int64_t mtime = 0;
    unsigned device_major = 0;
    unsigned device_minor = 0;
  };

  // Names of more than 100 bytes become a GNU long-name record before it.
  TarBuilder& Add(const Header& header);
  TarBuilder& File(const std::string& path, const std::string& content, unsigned mode = 0644);
  TarBuilder& Directory(const std::string& path);
  TarBuilder& Symlink(const std::string& path, const std::string& target);

  // A pax record of the next member: Pax("path", "...").
  TarBuilder& Pax(absl::string_view key, absl::string_view value);

  // With the end-of-archive blocks.
  std::string Build() const;

 private:
  void Append(const Header& header);

  std::string bytes_;
  std::string pax_;  // records for the next member
};

}  // namespace banger
