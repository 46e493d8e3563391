#include "tests/integration/imaged_daemon.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/os/unix_socket.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/status_macros.h"
#include "common/testing/eventually.h"

namespace banger {
namespace fs = std::filesystem;
namespace v1 = ::banger::image::v1;
namespace {

using namespace std::chrono_literals;
constexpr auto kPatience = 120s;

std::string NameOf(const std::string& id) { return absl::StrCat("images/", id); }

// The image that a stream of events ends with.
template <typename Event, typename Stream>
absl::StatusOr<v1::Image> LastOf(Stream& stream) {
  Event event;
  v1::Image image;
  while (stream.Read(&event))
    if (event.has_image()) image = event.image();
  BANGER_RETURN_IF_ERROR(rpc::FromGrpc(stream.Finish()));
  return image;
}

}  // namespace

absl::Status ImagedDaemon::Start() {
  BANGER_ASSIGN_OR_RETURN(
      process_, Subprocess::Start({.argv = {BANGER_IMAGED, "--log-level", "warn"},
                                   .env = std::vector<std::string>{"BANGER_ROOT=" + root_.string()}}));
  if (!Eventually([this] { return ConnectUnix(Socket()).ok(); }))
    return absl::UnavailableError("imaged does not start");
  stub_ = v1::ImageService::NewStub(rpc::ConnectDaemon(Socket()));
  return absl::OkStatus();
}

absl::Status ImagedDaemon::Kill() {
  BANGER_RETURN_IF_ERROR(process_->Signal(SIGKILL));
  return process_->Wait().status();
}

absl::StatusOr<v1::Image> ImagedDaemon::Get(const std::string& id) {
  rpc::ClientCall call("r", kPatience);
  v1::GetImageRequest request;
  v1::GetImageResponse response;
  request.set_name(NameOf(id));
  BANGER_RETURN_IF_ERROR(rpc::FromGrpc(stub_->GetImage(call.context(), request, &response)));
  return response.image();
}

absl::StatusOr<v1::Image> ImagedDaemon::Pull(const v1::PullImageRequest& request,
                                             const std::stop_token& stop) {
  rpc::ClientCall call("r", kPatience, stop);
  return LastOf<v1::PullImageResponse>(*stub_->PullImage(call.context(), request));
}

absl::StatusOr<v1::Image> ImagedDaemon::ImportBytes(const std::string& id, Import::Format format,
                                                    const std::string& bytes, const std::stop_token& stop) {
  constexpr std::size_t kChunk = 256 << 10;
  rpc::ClientCall call("r", kPatience, stop);
  const auto stream = stub_->ImportImage(call.context());
  Import request;
  request.mutable_spec()->set_name(NameOf(id));
  request.mutable_spec()->set_format(format);
  bool open = stream->Write(request);
  for (std::size_t at = 0; open && at < bytes.size(); at += kChunk) {
    request.set_chunk(bytes.substr(at, kChunk));
    open = stream->Write(request);
  }
  request.set_chunk("");
  if (open) stream->Write(request);
  stream->WritesDone();
  return LastOf<v1::ImportImageResponse>(*stream);
}

absl::Status ImagedDaemon::Register(const std::string& id, const fs::path& path) {
  rpc::ClientCall call("r", kPatience);
  v1::RegisterImageRequest request;
  v1::RegisterImageResponse response;
  request.set_name(NameOf(id));
  request.set_rootfs_path(path.string());
  return rpc::FromGrpc(stub_->RegisterImage(call.context(), request, &response));
}

absl::StatusOr<v1::Image> ImagedDaemon::Promote(const std::string& id, const std::stop_token& stop) {
  rpc::ClientCall call("r", kPatience, stop);
  v1::PromoteImageRequest request;
  request.set_name(NameOf(id));
  return LastOf<v1::PromoteImageResponse>(*stub_->PromoteImage(call.context(), request));
}

absl::Status ImagedDaemon::Delete(const std::string& id) {
  rpc::ClientCall call("r", kPatience);
  v1::DeleteImageRequest request;
  v1::DeleteImageResponse response;
  request.set_name(NameOf(id));
  return rpc::FromGrpc(stub_->DeleteImage(call.context(), request, &response));
}

absl::Status ImagedDaemon::PruneCache() {
  rpc::ClientCall call("r", kPatience);
  v1::PruneImageCacheResponse response;
  return rpc::FromGrpc(stub_->PruneImageCache(call.context(), {}, &response));
}

std::vector<std::string> ImagedDaemon::Files() const {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(root_)) {
    const std::string path = entry.path().lexically_relative(root_).string();
    if (path.rfind("run", 0) != 0) files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::size_t ImagedDaemon::descriptors() const {
  const fs::directory_iterator all(absl::StrCat("/proc/", process_->pid(), "/fd"));
  return static_cast<std::size_t>(std::distance(fs::begin(all), fs::end(all)));
}

std::size_t ImagedDaemon::children() const {
  std::size_t count = 0;
  for (const auto& thread : fs::directory_iterator(absl::StrCat("/proc/", process_->pid(), "/task"))) {
    std::ifstream pids(thread.path() / "children");
    count += static_cast<std::size_t>(
        std::distance(std::istream_iterator<int>(pids), std::istream_iterator<int>()));
  }
  return count;
}

}  // namespace banger
