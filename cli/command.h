// What every command is, and what it is given to run with.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/flags.h"

namespace banger::cli {

class Client;
class Signals;

struct Context {
  Client& client;
  Signals& signals;
};

struct Example {
  std::string line;  // "banger vm start web"
  std::string what;
};

struct CommandInfo {
  // "vm start".
  std::string path;
  // One line without a full stop.
  std::string summary;
  // What the help says beyond it; may be empty.
  std::string description;
  std::vector<Example> examples;
  // Not in help, completion or docs.
  bool hidden = false;
};

// One command. Its members hold the values of its flags, so an object runs at
// most once.
class Command {
 public:
  explicit Command(CommandInfo info) : info_(std::move(info)) {}
  virtual ~Command() = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  const CommandInfo& info() const { return info_; }

  virtual void Declare(Flags& flags) = 0;

  // Gives the exit code. Errors say what was tried on what.
  virtual absl::StatusOr<int> Run(Context& context) = 0;

 private:
  CommandInfo info_;
};

// A noun: commands that share their first word.
struct Group {
  std::string name;
  // What it is for.
  std::string summary;
  Example most_used;
  // What usually follows.
  Example next;
};

struct CommandTable {
  std::vector<Group> groups;
  std::vector<std::unique_ptr<Command>> commands;

  const Group* FindGroup(const std::string& name) const;
  Command* Find(const std::string& path) const;
};

}  // namespace banger::cli
