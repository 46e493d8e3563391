#include "services/vmd/adapters/firecracker_api.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxAnswer = 64 << 10;

CURL* NewEasy() {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  return initialized == CURLE_OK ? curl_easy_init() : nullptr;
}

std::size_t TakeBody(char* data, std::size_t size, std::size_t count, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() + size * count > kMaxAnswer) return 0;
  text.append(data, size * count);
  return size * count;
}

// Called at least once a second, and whenever bytes move.
int StopWhenAsked(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

std::string FaultOf(const std::string& body) {
  const json answer = json::parse(body, nullptr, false);
  if (!answer.is_object() || !answer.contains("fault_message") || !answer["fault_message"].is_string())
    return "an error without description";
  return answer["fault_message"].get<std::string>().substr(0, 1000);
}

absl::Status FromCurl(CURLcode code, const std::string& what, std::chrono::milliseconds timeout) {
  switch (code) {
    case CURLE_OK:
      return absl::OkStatus();
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(
          absl::StrCat(what, ": Firecracker did not answer within ", timeout.count(), " ms"));
    case CURLE_ABORTED_BY_CALLBACK:
      return absl::CancelledError(absl::StrCat(what, ": stopped"));
    case CURLE_WRITE_ERROR:
      return absl::InternalError(absl::StrCat(what, ": the answer is too long"));
    default:
      return absl::UnavailableError(absl::StrCat(what, ": ", curl_easy_strerror(code)));
  }
}

}  // namespace

FirecrackerApi::FirecrackerApi(const std::filesystem::path& socket) : socket_(socket), easy_(NewEasy()) {}

absl::Status FirecrackerApi::Send(const FirecrackerRequest& request, std::chrono::milliseconds timeout,
                                  const std::stop_token& stop) {
  return Exchange(request, timeout, stop).status();
}

absl::StatusOr<std::string> FirecrackerApi::Version(std::chrono::milliseconds timeout,
                                                    const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const std::string answer, Exchange({"GET", "/version", {}}, timeout, stop));
  const nlohmann::json parsed = nlohmann::json::parse(answer, nullptr, false);
  const bool said = parsed.is_object() && parsed.contains("firecracker_version") &&
                    parsed["firecracker_version"].is_string();
  if (!said) return absl::InternalError("GET /version: Firecracker does not say it");
  return parsed["firecracker_version"].get<std::string>();
}

absl::StatusOr<std::string> FirecrackerApi::Exchange(const FirecrackerRequest& request,
                                                     std::chrono::milliseconds timeout,
                                                     const std::stop_token& stop) {
  const std::string what = absl::StrCat(request.method, " ", request.path);
  if (easy_ == nullptr) return absl::ResourceExhaustedError(absl::StrCat(what, ": libcurl does not start"));
  CURL* const easy = easy_.get();
  curl_easy_reset(easy);
  // Without "Expect: 100-continue", which costs a round trip or a second.
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(
      curl_slist_append(curl_slist_append(nullptr, "Content-Type: application/json"), "Expect:"),
      &curl_slist_free_all);
  const std::string url = absl::StrCat("http://localhost", request.path);
  const std::string body = request.body.dump();
  std::string answer;
  curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket_.c_str());
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  if (!request.body.is_null()) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
  }
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &TakeBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &StopWhenAsked);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, const_cast<std::stop_token*>(&stop));
  if (absl::Status sent = FromCurl(curl_easy_perform(easy), what, timeout); !sent.ok()) return sent;
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300) return answer;
  return absl::InternalError(absl::StrCat(what, ": ", FaultOf(answer)));
}

}  // namespace banger::vmd
