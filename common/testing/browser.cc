#include "common/testing/browser.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/testing/eventually.h"

namespace banger {
namespace {

using nlohmann::json;

// A machine that compiles besides is slow.
constexpr int kPatienceMs = 180'000;
constexpr int kHeight = 1000;

struct Pipe {
  UniqueFd read, write;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return ErrnoError(errno, "make a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

absl::StatusOr<Browser> Browser::Start() {
  BANGER_ASSIGN_OR_RETURN(TempDir profile, TempDir::Create());
  Browser browser(std::move(profile));
  BANGER_ASSIGN_OR_RETURN(Pipe commands, MakePipe());
  BANGER_ASSIGN_OR_RETURN(Pipe answers, MakePipe());
  UniqueFd log(::open((browser.profile_.path() / "log").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  std::vector<std::string> argv = {"chromium",
                                   "--headless=new",
                                   "--remote-debugging-pipe",
                                   "--no-sandbox",  // root has none
                                   "--no-first-run",
                                   "--no-proxy-server",
                                   "--disable-gpu",
                                   "--disable-dev-shm-usage",
                                   "--disable-background-networking",
                                   "--disable-component-update",
                                   "--disable-extensions",
                                   "--disable-sync",
                                   "--window-size=1280,1000",
                                   "--user-data-dir=" + (browser.profile_.path() / "profile").string(),
                                   "about:blank"};
  BANGER_ASSIGN_OR_RETURN(
      Subprocess process,
      Subprocess::Start(
          {.argv = std::move(argv),
           .env = std::vector<std::string>{"PATH=/usr/bin:/bin", "HOME=" + browser.profile_.path().string()},
           .working_dir = browser.profile_.path(),
           .stdout_fd = log.get(),
           .stderr_fd = log.get(),
           .fds = {{3, commands.read.get()}, {4, answers.write.get()}},
           .new_session = true}));
  browser.process_.push_back(std::move(process));
  commands.read.Reset();
  answers.write.Reset();
  browser.to_ = std::move(commands.write);
  browser.from_ = std::move(answers.read);
  BANGER_ASSIGN_OR_RETURN(const json target,
                          browser.Command("Target.createTarget", {{"url", "about:blank"}}));
  BANGER_ASSIGN_OR_RETURN(
      const json attached,
      browser.Command("Target.attachToTarget", {{"targetId", target["targetId"]}, {"flatten", true}}));
  browser.session_ = attached["sessionId"].get<std::string>();
  for (const char* domain : {"Page.enable", "Runtime.enable", "Log.enable"})
    BANGER_RETURN_IF_ERROR(browser.Command(domain, json::object()).status());
  return browser;
}

Browser::~Browser() {
  if (process_.empty()) return;
  // Its own session, and so its group: helpers that its end would leave for a moment.
  ::kill(-process_.front().pid(), SIGKILL);
  process_.front().Wait().IgnoreError();
  // They still write to the profile until they are gone.
  const pid_t group = process_.front().pid();
  Eventually([group] { return ::kill(-group, 0) < 0; }, std::chrono::seconds(5));
}

absl::Status Browser::Open(const std::string& url) {
  BANGER_ASSIGN_OR_RETURN(const json answer, Command("Page.navigate", {{"url", url}}));
  if (answer.contains("errorText"))
    return absl::UnavailableError(absl::StrCat("open ", url, ": ", answer["errorText"].get<std::string>()));
  return Await("document.readyState === 'complete'") ? absl::OkStatus()
                                                     : absl::DeadlineExceededError("the page does not load");
}

absl::StatusOr<json> Browser::Evaluate(const std::string& expression) {
  BANGER_ASSIGN_OR_RETURN(const json answer, Command("Runtime.evaluate", {{"expression", expression},
                                                                          {"awaitPromise", true},
                                                                          {"returnByValue", true},
                                                                          {"userGesture", true}}));
  if (answer.contains("exceptionDetails")) return absl::InternalError(answer["exceptionDetails"].dump());
  return answer["result"].value("value", json());
}

bool Browser::Await(const std::string& expression, std::chrono::seconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < deadline) {
    const absl::StatusOr<json> value = Evaluate(expression);
    if (value.ok() && *value == true) return true;
    if (absl::IsUnavailable(value.status()) || absl::IsDeadlineExceeded(value.status())) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

absl::Status Browser::Type(const std::string& text) {
  for (const char character : text) {
    json key = {{"type", "keyDown"}};
    if (character == '\n') {
      key.update({{"key", "Enter"}, {"code", "Enter"}, {"windowsVirtualKeyCode", 13}, {"text", "\r"}});
    } else {
      key.update({{"key", std::string(1, character)}, {"text", std::string(1, character)}});
    }
    BANGER_RETURN_IF_ERROR(Command("Input.dispatchKeyEvent", key).status());
    key["type"] = "keyUp";
    key.erase("text");
    BANGER_RETURN_IF_ERROR(Command("Input.dispatchKeyEvent", key).status());
  }
  return absl::OkStatus();
}

absl::Status Browser::Look(int width, bool dark) {
  BANGER_RETURN_IF_ERROR(
      Command("Emulation.setDeviceMetricsOverride",
              {{"width", width}, {"height", kHeight}, {"deviceScaleFactor", 1}, {"mobile", false}})
          .status());
  const json scheme = {{"name", "prefers-color-scheme"}, {"value", dark ? "dark" : "light"}};
  return Command("Emulation.setEmulatedMedia", {{"features", json::array({scheme})}}).status();
}

absl::Status Browser::Screenshot(const std::filesystem::path& file) {
  BANGER_ASSIGN_OR_RETURN(const json answer, Command("Page.captureScreenshot",
                                                     {{"format", "png"}, {"captureBeyondViewport", true}}));
  std::string png;
  if (!absl::Base64Unescape(answer["data"].get<std::string>(), &png))
    return absl::InternalError("the screenshot is no base64");
  BANGER_RETURN_IF_ERROR(MakeDirectories(file.parent_path()));
  return WriteFileAtomically(file, png, 0644);
}

absl::StatusOr<json> Browser::Command(const std::string& method, const json& parameters) {
  json command = {{"id", ++last_id_}, {"method", method}, {"params", parameters}};
  if (!session_.empty()) command["sessionId"] = session_;
  BANGER_RETURN_IF_ERROR(WriteFully(to_.get(), command.dump() + '\0'));
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(json message, Receive());
    if (message.value("id", 0) != last_id_) {
      Note(message);
      continue;
    }
    if (message.contains("error"))
      return absl::InternalError(absl::StrCat(method, ": ", message["error"].dump()));
    return message["result"];
  }
}

absl::StatusOr<json> Browser::Receive() {
  std::size_t end = received_.find('\0');
  while (end == std::string::npos) {
    pollfd ready{.fd = from_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, kPatienceMs) <= 0) return absl::DeadlineExceededError("chromium does not answer");
    char buffer[65536];
    const ssize_t count = ::read(from_.get(), buffer, sizeof buffer);
    if (count <= 0) {
      const auto log = ReadFile(profile_.path() / "log");
      return absl::UnavailableError(absl::StrCat("chromium has ended: ", log.value_or("")));
    }
    received_.append(buffer, static_cast<std::size_t>(count));
    end = received_.find('\0');
  }
  json message = json::parse(received_.substr(0, end), nullptr, false);
  received_.erase(0, end + 1);
  return message;
}

void Browser::Note(const json& event) {
  const std::string method = event.value("method", "");
  if (method == "Runtime.exceptionThrown") complaints_.push_back(event["params"]["exceptionDetails"].dump());
  if (method != "Log.entryAdded") return;
  const json& entry = event["params"]["entry"];
  const bool serious = entry["level"] == "error" || entry["level"] == "warning";
  // An answer of 401 is the page's business.
  if (serious && entry["source"] != "network") complaints_.push_back(entry.dump());
}

}  // namespace banger
