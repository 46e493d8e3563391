// The real banger-imaged over a root of its own, as its clients see it. For tests.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "banger/image/v1/image_service.grpc.pb.h"
#include "common/os/subprocess.h"

namespace banger {

class ImagedDaemon {
 public:
  using Image = image::v1::Image;
  using Import = image::v1::ImportImageRequest;

  // Everything of it is below `root`, where a config.toml may be.
  explicit ImagedDaemon(std::filesystem::path root) : root_(std::move(root)) {}

  // Returns when it answers.
  absl::Status Start();
  // By SIGKILL.
  absl::Status Kill();

  absl::StatusOr<Image> Get(const std::string& id);
  absl::StatusOr<Image> Pull(const image::v1::PullImageRequest& request, const std::stop_token& stop = {});
  absl::StatusOr<Image> ImportBytes(const std::string& id, Import::Format format, const std::string& bytes,
                                    const std::stop_token& stop = {});
  absl::Status Register(const std::string& id, const std::filesystem::path& path);
  absl::StatusOr<Image> Promote(const std::string& id, const std::stop_token& stop = {});
  absl::Status Delete(const std::string& id);
  absl::Status PruneCache();

  std::filesystem::path Directory(const std::string& id) const { return root_ / "state/images" / id; }
  std::filesystem::path Cache() const { return root_ / "cache/oci"; }

  // All that it has on the disk but its sockets and locks, sorted.
  std::vector<std::string> Files() const;
  // How many descriptors it has open, and how many processes it has started.
  std::size_t descriptors() const;
  std::size_t children() const;

 private:
  std::filesystem::path Socket() const { return root_ / "run/imaged.sock"; }

  const std::filesystem::path root_;
  std::optional<Subprocess> process_;
  std::unique_ptr<image::v1::ImageService::Stub> stub_;
};

}  // namespace banger
