#include "cli/output/text.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace banger::cli {
namespace {

bool ContinuesCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string OneLine(const std::string& text) {
  std::string safe;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // C1 controls are two bytes in UTF-8: C2 80 to C2 9F.
    const bool c1 = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    safe += c < 0x20 || c == 0x7F || c1 ? '?' : text[i];
    if (c1) ++i;
  }
  return safe;
}

std::size_t DisplayWidth(absl::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += ContinuesCharacter(c) ? 0 : 1;
  return width;
}

std::string Shorten(const std::string& text, std::size_t width) {
  std::size_t shown = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (!ContinuesCharacter(text[i]) && shown++ == width) return text.substr(0, i);
  return text;
}

std::string HumanSize(std::int64_t bytes) {
  constexpr char kUnits[] = "KMGT";
  if (bytes < 1024) return absl::StrCat(bytes);
  double value = static_cast<double>(bytes);
  int unit = -1;
  // 1023.95 and more would be printed as 1024.0.
  while (value >= 1023.95 && unit < 3) {
    value /= 1024;
    ++unit;
  }
  if (unit < 0) {
    value /= 1024;
    unit = 0;
  }
  std::string number = absl::StrFormat("%.1f", value);
  if (number.ends_with(".0")) number.resize(number.size() - 2);
  return number + kUnits[unit];
}

std::string HumanAge(std::chrono::system_clock::time_point then, std::chrono::system_clock::time_point now) {
  struct Unit {
    const char* name;
    std::int64_t seconds;
  };
  constexpr std::array<Unit, 6> kUnits{{{"year", 365 * 86400},
                                        {"month", 30 * 86400},
                                        {"day", 86400},
                                        {"hour", 3600},
                                        {"minute", 60},
                                        {"second", 1}}};
  if (then == std::chrono::system_clock::time_point()) return "-";
  const std::int64_t age = std::chrono::duration_cast<std::chrono::seconds>(now - then).count();
  for (const Unit& unit : kUnits) {
    const std::int64_t count = age / unit.seconds;
    if (count > 0) return absl::StrCat(count, " ", unit.name, count == 1 ? "" : "s", " ago");
  }
  return "just now";
}

std::string HumanDuration(std::chrono::seconds duration) {
  const std::int64_t seconds = duration.count();
  if (seconds < 60) return absl::StrFormat("%ds", seconds);
  if (seconds < 3600) return absl::StrFormat("%dm%02ds", seconds / 60, seconds % 60);
  return absl::StrFormat("%dh%02dm", seconds / 3600, seconds / 60 % 60);
}

std::string Paint(absl::string_view text, Color color, bool enabled) {
  if (!enabled) return std::string(text);
  const char* code = "1";
  switch (color) {
    case Color::kRed:
      code = "1;31";
      break;
    case Color::kYellow:
      code = "1;33";
      break;
    case Color::kCyan:
      code = "36";
      break;
    case Color::kBold:
      code = "1";
      break;
  }
  return absl::StrCat("\033[", code, "m", text, "\033[0m");
}

}  // namespace banger::cli
