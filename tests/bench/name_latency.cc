#include "tests/bench/name_latency.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/unique_fd.h"

namespace banger::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A query for its IPv4 address.
std::string Question(const std::string& name) {
  std::string message("\x12\x34\1\0\0\1\0\0\0\0\0\0", 12);
  for (const std::string& label : std::vector<std::string>(absl::StrSplit(name, '.'))) {
    message.push_back(static_cast<char>(label.size()));
    message += label;
  }
  return message + std::string("\0\0\1\0\1", 5);
}

UniqueFd Connect(const std::string& address, int port) {
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address.c_str(), &server.sin_addr);
  ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server);
  return socket;
}

// Whether there was an answer of any kind.
bool Ask(int socket, const std::string& question) {
  char answer[512];
  pollfd ready{socket, POLLIN, 0};
  return ::send(socket, question.data(), question.size(), MSG_NOSIGNAL) > 0 && ::poll(&ready, 1, 5000) == 1 &&
         ::recv(socket, answer, sizeof answer, 0) > 0;
}

}  // namespace

absl::StatusOr<double> NameLatency99(const netd::Namespace& host, const std::string& name, int questions) {
  std::vector<double> took;
  int unanswered = 0;
  host.Run([&] {
    const UniqueFd socket = Connect("127.0.0.1", 42069);
    const std::string question = Question(name + ".vm");
    for (int i = 0; i < questions; ++i) {
      const Clock::time_point begin = Clock::now();
      unanswered += Ask(socket.get(), question) ? 0 : 1;
      took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
      std::this_thread::sleep_for(1ms);
    }
  });
  if (unanswered > 0) return absl::UnavailableError(absl::StrCat(unanswered, " questions without an answer"));
  std::sort(took.begin(), took.end());
  return took[took.size() * 99 / 100];
}

int AskForOthers(const netd::Namespace& guest, const std::string& gateway, const std::stop_token& stop) {
  int answers = 0;
  guest.Run([&] {
    const UniqueFd socket = Connect(gateway, 53);
    const std::string question = Question("www.example.org");
    while (!stop.stop_requested()) {
      answers += Ask(socket.get(), question) ? 1 : 0;
      std::this_thread::sleep_for(1ms);
    }
  });
  return answers;
}

}  // namespace banger::bench
