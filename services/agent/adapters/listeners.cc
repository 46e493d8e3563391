#include "services/agent/adapters/listeners.h"

#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxListeners = 4096;

std::vector<Listener> ReadTables() {
  std::vector<Listener> all;
  for (const auto& [name, datagrams] :
       {std::pair("tcp", false), {"tcp6", false}, {"udp", true}, {"udp6", true}}) {
    const absl::StatusOr<std::string> table = ReadFile(absl::StrCat("/proc/net/", name));
    if (!table.ok()) continue;  // a kernel without IPv6
    for (Listener& listener : ParseSocketTable(*table, datagrams)) all.push_back(std::move(listener));
  }
  return all;
}

// Gives the process to those of its sockets that listen.
void LookAt(const fs::path& process, pid_t pid, std::multimap<std::uint64_t, Listener*>& by_inode) {
  std::error_code error;
  for (fs::directory_iterator fd(process / "fd", error); !error && fd != fs::directory_iterator();
       fd.increment(error)) {
    std::error_code gone;
    const std::string link = fs::read_symlink(fd->path(), gone).string();
    absl::string_view number = link;
    std::uint64_t inode = 0;
    if (gone || !absl::ConsumePrefix(&number, "socket:[") || !absl::ConsumeSuffix(&number, "]") ||
        !absl::SimpleAtoi(number, &inode))
      continue;
    const auto [begin, end] = by_inode.equal_range(inode);
    for (auto it = begin; it != end; ++it) {
      if (it->second->pid != 0) continue;
      it->second->pid = pid;
      const absl::StatusOr<std::string> name = ReadFile(process / "comm", 4096);
      if (name.ok()) it->second->process = std::string(absl::StripSuffix(*name, "\n"));
    }
  }
}

}  // namespace

std::vector<Listener> FindListeners() {
  std::vector<Listener> all = ReadTables();
  std::multimap<std::uint64_t, Listener*> by_inode;
  for (Listener& listener : all) by_inode.emplace(listener.inode, &listener);
  std::error_code error;
  for (fs::directory_iterator process("/proc", error); !error && process != fs::directory_iterator();
       process.increment(error)) {
    pid_t pid = 0;
    if (absl::SimpleAtoi(process->path().filename().string(), &pid)) LookAt(process->path(), pid, by_inode);
  }
  return Arrange(std::move(all), kMaxListeners);
}

}  // namespace banger::agent
