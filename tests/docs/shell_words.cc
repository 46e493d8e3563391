#include "tests/docs/shell_words.h"

#include <regex>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace banger::docs {
namespace {

class Splitter {
 public:
  std::vector<std::vector<std::string>> Split(absl::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (c == '\\' && i + 1 < text.size()) {
        if (text[++i] != '\n') Add(text[i]);
      } else if (c == '\'' || c == '"') {
        i = Quoted(text, i);
      } else if (c == '#' && !in_word_) {
        while (i + 1 < text.size() && text[i + 1] != '\n') ++i;
      } else if (c == ' ' || c == '\t') {
        EndWord();
      } else if (c == '>' || c == '<') {
        if (word_.find_first_not_of("0123456789") != std::string::npos) EndWord();
        word_.clear();
        in_word_ = false;
        skip_ = true;
      } else if (c == '\n' || c == ';' || c == '|' || c == '&' || c == '(' || c == ')') {
        // Of "$(" the dollar is no command.
        if (c == '(' && word_ == "$") word_.clear(), in_word_ = false;
        EndCommand();
      } else {
        Add(c);
      }
    }
    EndCommand();
    return std::move(commands_);
  }

 private:
  void Add(char c) {
    word_ += c;
    in_word_ = true;
  }
  std::size_t Quoted(absl::string_view text, std::size_t from) {
    const char quote = text[from];
    in_word_ = true;
    std::size_t i = from + 1;
    for (; i < text.size() && text[i] != quote; ++i) {
      if (quote == '"' && text[i] == '\\' && i + 1 < text.size()) ++i;
      word_ += text[i];
    }
    return i;
  }
  void EndWord() {
    static const std::regex assignment("[A-Za-z_][A-Za-z_0-9]*=.*");
    if (!in_word_) return;
    const bool before = command_.empty() && std::regex_match(word_, assignment);
    if (!skip_ && !before) command_.push_back(word_);
    skip_ = false;
    word_.clear();
    in_word_ = false;
  }
  void EndCommand() {
    EndWord();
    skip_ = false;
    if (!command_.empty()) commands_.push_back(std::move(command_));
    command_.clear();
  }

  std::vector<std::vector<std::string>> commands_;
  std::vector<std::string> command_;
  std::string word_;
  bool in_word_ = false;
  bool skip_ = false;  // the word to come is a file's name
};

}  // namespace

std::vector<std::vector<std::string>> ShellCommands(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) absl::StrAppend(&text, line, "\n");
  return Splitter().Split(text);
}

BangerWords WordsOfBanger(const std::vector<std::string>& command) {
  std::size_t at = 0;
  while (at < command.size() && (command[at] == "sudo" || command[at] == "scripts/dev")) ++at;
  if (at == command.size() || command[at] != "banger") return {};
  if (at + 2 < command.size() && command[at + 1] == "--context") at += 2;
  return {.ours = true, .words = {command.begin() + static_cast<std::ptrdiff_t>(at) + 1, command.end()}};
}

}  // namespace banger::docs
