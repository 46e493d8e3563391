// Text for people: what comes from a daemon, an archive or a guest is made
// harmless for a terminal here.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace banger::cli {

// The text with each control character as '?', so that it neither breaks the
// line nor commands the terminal.
std::string OneLine(const std::string& text);

// In characters, where each UTF-8 sequence is one.
std::size_t DisplayWidth(absl::string_view text);

// At most `width` characters.
std::string Shorten(const std::string& text, std::size_t width);

// "8G", "1.5G", "640K", "12": powers of 1024, as ParseSize reads them.
std::string HumanSize(std::int64_t bytes);

// "5 seconds ago", "3 hours ago"; "-" for the epoch itself.
std::string HumanAge(std::chrono::system_clock::time_point then, std::chrono::system_clock::time_point now);

// "5s", "2m05s", "3h20m".
std::string HumanDuration(std::chrono::seconds duration);

enum class Color { kRed, kYellow, kCyan, kBold };
std::string Paint(absl::string_view text, Color color, bool enabled);

}  // namespace banger::cli
