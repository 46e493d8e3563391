// What daemons know of themselves and of the host, judged. The answers come from the
// gateway's API; nothing is asked here.
#pragma once

#include "banger/image/v1/image_service.pb.h"
#include "banger/kernel/v1/kernel_service.pb.h"
#include "banger/system/v1/system_service.pb.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "cli/doctor/finding.h"
#include "common/version/version.h"

namespace banger::cli {

// Each daemon answers, and is of this program's build. Netd may be missing.
Findings JudgeDaemons(const system::v1::ListDaemonsResponse& daemons, const BuildInfo& build);

Finding JudgeKernels(const kernel::v1::ListKernelsResponse& kernels);
Finding JudgeImages(const image::v1::ListImagesResponse& images, const std::string& default_image);

// VMs that failed, do not answer, or are emulated although KVM works.
Findings JudgeVms(const vm::v1::ListVmsResponse& vms, bool kvm_works);

}  // namespace banger::cli
