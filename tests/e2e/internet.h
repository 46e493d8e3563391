#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"

namespace banger::e2e {

// A machine beside the host, which is its default route as long as this lives: a web
// server that says "hello", and a name server.
class Internet {
 public:
  // Addresses, all of one family.
  struct Options {
    std::string host;    // of the link to it, with the prefix's length: "198.51.100.2/24"
    std::string router;  // the other end's: "198.51.100.1/24"
    std::string web;
    // Knows web.test, and answers for all of tunnel.test. Empty: there is none.
    std::string name_server;
  };
  explicit Internet(const Options& options);
  ~Internet();
  Internet(const Internet&) = delete;
  Internet& operator=(const Internet&) = delete;

  // What its name server was asked.
  std::string Queries() const;

 private:
  void Connect(const Options& options) const;
  void Serve(const Options& options);
  std::vector<std::string> Enter(const std::string& line) const;
  void Inside(const std::string& line) const;

  TempDir dir_ = *TempDir::Create();
  std::optional<Subprocess> holder_, server_, names_;
};

// For a guest's shell: asks the web server there. Its answer ends with GotHello.
std::string AskWeb(const std::string& address);
bool GotHello(const std::string& output);

}  // namespace banger::e2e
