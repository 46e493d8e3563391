// A VM's VMM without banger: the baseline of benchmarks.
#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/guestlink/host_link.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {

class BareVmm {
 public:
  // With the kernel, command line and sizes of a VM that runs. `extra` words are
  // added; "DIR" in them is a directory of the bare VMM's own.
  static absl::StatusOr<BareVmm> Like(const Instance& instance, const std::string& vm,
                                      const std::vector<std::string>& extra = {});

  // A guest whose agent has answered. Ends with the object.
  struct Running {
    Subprocess process;
    std::unique_ptr<guestlink::HostLink> link;
    std::shared_ptr<grpc::Channel> agent;
    double boot_seconds = 0;
  };
  // On fresh disks. One at a time.
  absl::StatusOr<Running> Boot() const;

  const std::filesystem::path& dir() const { return dir_.path(); }

 private:
  explicit BareVmm(TempDir dir) : dir_(std::move(dir)) {}

  TempDir dir_;
  std::vector<std::string> argv_;
  std::int64_t upper_bytes_ = 0;
  std::int64_t work_bytes_ = 0;
};

}  // namespace banger::e2e
