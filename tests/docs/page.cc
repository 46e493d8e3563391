#include "tests/docs/page.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace banger::docs {
namespace {

namespace fs = std::filesystem;

constexpr char kMark[] = "<!-- test: ";

// As the usual viewers make it of a heading.
std::string AnchorOf(const std::string& heading) {
  std::string anchor;
  for (const char c : heading) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_')
      anchor += absl::ascii_tolower(static_cast<unsigned char>(c));
    if (c == ' ') anchor += '-';
  }
  return anchor;
}

class Reader {
 public:
  Reader(const std::string& path, const std::string& text) : lines_(absl::StrSplit(text, '\n')) {
    page_.path = path;
    page_.lines = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  }

  Page Read() {
    while (at_ < lines_.size()) {
      const std::string& line = lines_[at_];
      if (absl::StartsWith(line, "```")) {
        ReadBlock();
      } else if (absl::StartsWith(line, kMark)) {
        ReadMark();
      } else {
        ReadProse(line);
      }
      ++at_;
    }
    FindLinksAndSpans();
    return std::move(page_);
  }

 private:
  void Fault(const std::string& what) {
    page_.faults.push_back(absl::StrCat(page_.path, ":", at_ + 1, ": ", what));
  }

  void ReadBlock() {
    Block block{.language = lines_[at_].substr(3), .line = static_cast<int>(at_) + 1};
    block.marks = std::exchange(marks_, {});
    for (++at_; at_ < lines_.size() && lines_[at_] != "```"; ++at_) block.lines.push_back(lines_[at_]);
    if (at_ == lines_.size()) Fault("a block without an end");
    if (marked_ && !block.IsShell()) Fault("marks are for commands of the shell");
    marked_ = false;
    prose_.emplace_back();
    page_.blocks.push_back(std::move(block));
  }

  void ReadMark() {
    std::string text = lines_[at_];
    while (!absl::EndsWith(text, "-->") && at_ + 1 < lines_.size())
      absl::StrAppend(&text, "\n", lines_[++at_]);
    absl::string_view mark = absl::StripPrefix(text, kMark);
    if (!absl::ConsumeSuffix(&mark, "-->")) Fault("a mark without an end");
    mark = absl::StripAsciiWhitespace(mark);
    marked_ = true;
    const std::vector<std::string> sides = absl::StrSplit(mark, absl::MaxSplits(" => ", 1));
    if (absl::ConsumePrefix(&mark, "before ")) {
      marks_.before.emplace_back(mark);
    } else if (absl::ConsumePrefix(&mark, "elsewhere ")) {
      marks_.elsewhere.emplace_back(mark);
    } else if (absl::ConsumePrefix(&mark, "replace ") && sides.size() == 2) {
      marks_.replaced.emplace_back(sides[0].substr(8), sides[1]);
    } else {
      Fault("no mark that tests know: before, replace A => B, elsewhere");
    }
  }

  void ReadProse(const std::string& line) {
    if (marked_) Fault("a mark stands directly before its block");
    marked_ = false;
    // Of two headings with one text the second one's anchor is not for links to rely on.
    std::string heading = line;
    heading.erase(0, heading.find_first_not_of('#'));
    if (absl::StartsWith(line, "#") && absl::StartsWith(heading, " "))
      page_.anchors.insert(AnchorOf(heading.substr(1)));
    if (absl::StartsWith(line, "    ") && (at_ == 0 || lines_[at_ - 1].empty()))
      Fault("an indented block: write it between fences, so that it is run");
    prose_.push_back(line);
  }

  void FindLinksAndSpans() {
    static const std::regex span(R"(`([^`]+)`)");
    static const std::regex link(R"(\]\(([^)\s]+)\))");
    // Spans go over the ends of lines.
    std::string text;
    for (const std::string& line : prose_) absl::StrAppend(&text, line.empty() ? "\n\n" : line, " ");
    for (std::sregex_iterator found(text.begin(), text.end(), span), end; found != end; ++found)
      page_.spans.push_back((*found)[1]);
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      for (std::sregex_iterator found(lines_[i].begin(), lines_[i].end(), link), end; found != end; ++found) {
        const std::string target = (*found)[1];
        if (!absl::StrContains(target, "://")) page_.links.push_back({target, static_cast<int>(i) + 1});
      }
    }
  }

  const std::vector<std::string> lines_;
  std::size_t at_ = 0;
  Page page_;
  std::vector<std::string> prose_;
  Marks marks_;
  bool marked_ = false;
};

}  // namespace

Page ReadPage(const std::string& path, const std::string& text) { return Reader(path, text).Read(); }

std::vector<Page> UserPages(const fs::path& root) {
  std::vector<fs::path> files = {"README.md"};
  for (const fs::directory_entry& entry : fs::directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md" && entry.path().filename() != "cli.md" &&
        entry.path().filename() != "api.md")
      files.push_back("docs" / entry.path().filename());
  std::sort(files.begin(), files.end());
  std::vector<Page> pages;
  for (const fs::path& file : files) {
    std::ifstream stream(root / file);
    pages.push_back(ReadPage(file, {std::istreambuf_iterator<char>(stream), {}}));
  }
  return pages;
}

}  // namespace banger::docs
