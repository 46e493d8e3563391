#include "tests/e2e/internet.h"

#include <sys/stat.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"

namespace banger::e2e {
namespace {

void Ip(const std::string& arguments) {
  EXPECT_OK(RunCommandOk({.argv = absl::StrSplit(absl::StrCat("ip ", arguments), ' ')}));
}

// Of use at once, also of IPv6.
std::string AddAddress(const std::string& address, const std::string& interface) {
  return absl::StrCat("addr add ", address, " dev ", interface,
                      absl::StrContains(address, ':') ? " nodad" : "");
}

}  // namespace

Internet::Internet(const Options& options) {
  auto holder = Subprocess::Start({.argv = {"unshare", "-n", "sleep", "3000"}});
  EXPECT_OK(holder);
  holder_.emplace(*std::move(holder));
  // unshare has done its part when it has become sleep.
  EXPECT_TRUE(Eventually([this] {
    const auto found = RunCommand({.argv = {"readlink", absl::StrCat("/proc/", holder_->pid(), "/exe")}});
    return found.ok() && absl::StrContains(found->out, "sleep");
  }));
  Connect(options);
  Serve(options);
}

Internet::~Internet() { Ip("link del up0"); }

void Internet::Connect(const Options& options) const {
  Ip("link add up0 type veth peer name eth0");
  Ip(absl::StrCat("link set eth0 netns ", holder_->pid()));
  Ip(AddAddress(options.host, "up0"));
  Ip("link set up0 up");
  Inside("ip " + AddAddress(options.router, "eth0"));
  for (const char* interface : {"eth0", "lo"}) Inside(absl::StrCat("ip link set ", interface, " up"));
  for (const std::string& address : {options.web, options.name_server})
    if (!address.empty()) Inside("ip " + AddAddress(address, "lo"));
  const std::vector<std::string> router = absl::StrSplit(options.router, '/');
  Ip("route add default via " + router[0]);
}

void Internet::Serve(const Options& options) {
  EXPECT_OK(WriteFileAtomically(dir_.path() / "index.html", "hello\n", 0644));
  EXPECT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  auto server =
      Subprocess::Start({.argv = Enter(absl::StrCat("busybox httpd -f -p 80 -h ", dir_.path().string()))});
  EXPECT_OK(server);
  server_.emplace(*std::move(server));
  if (options.name_server.empty()) return;
  auto names = Subprocess::Start(
      {.argv = Enter(absl::StrCat(
           "dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --group=root --pid-file= "
           "--no-resolv --no-hosts --bind-interfaces --log-queries --log-facility=",
           (dir_.path() / "queries").string(), " --listen-address=", options.name_server,
           " --address=/web.test/", options.web, " --address=/tunnel.test/192.0.2.66"))});
  EXPECT_OK(names);
  names_.emplace(*std::move(names));
}

std::string Internet::Queries() const { return ReadFile(dir_.path() / "queries").value_or(""); }

std::vector<std::string> Internet::Enter(const std::string& line) const {
  std::vector<std::string> argv = {"nsenter", "-t", absl::StrCat(holder_->pid()), "-n"};
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(line, ' '))) argv.push_back(word);
  return argv;
}

void Internet::Inside(const std::string& line) const { EXPECT_OK(RunCommandOk({.argv = Enter(line)})); }

// Debian's static busybox crashes in wget.
std::string AskWeb(const std::string& address) {
  return absl::StrCat(R"(printf 'GET / HTTP/1.0\r\n\r\n' | busybox nc -w 5 )", address, " 80 2>/dev/null");
}

bool GotHello(const std::string& output) { return absl::StrContains(output, "\nhello\n"); }

}  // namespace banger::e2e
