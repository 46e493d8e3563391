#include "cli/commands/new_vm.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/commands/network_flags.h"
#include "cli/commands/pull_image.h"
#include "cli/errors.h"
#include "cli/names.h"
#include "cli/output/progress.h"
#include "cli/output/streams.h"
#include "cli/settings/user_settings.h"
#include "common/oci/reference.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

absl::Status AddNetwork(const NewVm& vm, vm::v1::CreateVmRequest& request) {
  vm::v1::NetworkPolicy& policy = *request.mutable_network_policy();
  policy.set_nat(vm.nat);
  if (!vm.egress.empty()) {
    BANGER_ASSIGN_OR_RETURN(*policy.mutable_egress(), ParseEgress(vm.egress));
    // Who says where the VM may go wants it to go there.
    if (policy.egress().mode() != egress::v1::Egress::MODE_NONE) policy.set_nat(true);
  }
  for (const std::string& allowed : vm.allow_vms) policy.add_allowed_vms(VmName(allowed));
  for (const std::string& port : vm.publish) {
    BANGER_ASSIGN_OR_RETURN(*request.add_published_ports(), ParsePort(port));
  }
  return absl::OkStatus();
}

absl::StatusOr<vm::v1::CreateVmRequest> ToProto(const NewVm& vm) {
  vm::v1::CreateVmRequest request;
  request.set_vm_id(vm.name);
  if (!vm.image.empty()) request.set_image(ImageName(ImageIdFor(vm.image)));
  BANGER_RETURN_IF_ERROR(SetSizes(vm.sizes, request));
  request.set_no_start(vm.no_start);
  BANGER_RETURN_IF_ERROR(AddNetwork(vm, request));
  return request;
}

std::string Outcome(const vm::v1::Vm& vm) {
  const std::string name = IdOf(vm.name());
  if (vm.state() != vm::v1::Vm::STATE_RUNNING) return absl::StrCat("vm '", name, "' is made");
  const double seconds = static_cast<double>(vm.boot_duration().seconds()) +
                         static_cast<double>(vm.boot_duration().nanos()) / 1e9;
  return absl::StrCat("vm '", name, "' is ready",
                      seconds > 0 ? absl::StrFormat(" (booted in %.1f s)", seconds) : "");
}

// The image that is not here, from wherever its name leads.
absl::Status PullMissing(Client& client, const NewVm& vm, const absl::Status& not_found) {
  const std::string missing = IdOf(ImageName(GetErrorMetadata(not_found)["image"]));
  Note(absl::StrCat("image '", missing, "' is not here and will be pulled"));
  const absl::Status pulled =
      PullImage(client, {.reference = vm.image.empty() ? missing : vm.image, .name = missing}).status();
  // What cannot be asked for is, before all, not here.
  if (absl::IsUnavailable(pulled) || absl::IsUnimplemented(pulled))
    return ApiError(not_found.code(), ErrorReason(not_found),
                    absl::StrCat(not_found.message(), ", and it cannot be had: ", pulled.message()),
                    GetErrorMetadata(not_found));
  return pulled;
}

absl::StatusOr<vm::v1::Vm> Create(Client& client, const vm::v1::CreateVmRequest& request,
                                  const std::string& what) {
  ProgressView view(what);
  vm::v1::Vm made;
  BANGER_RETURN_IF_ERROR(client.Stream(&vm::v1::VmService::Stub::CreateVm, request, kLong,
                                       [&view, &made](const vm::v1::CreateVmResponse& response) {
                                         if (response.has_progress()) view.Show(response.progress());
                                         if (response.has_vm()) made = response.vm();
                                         return absl::OkStatus();
                                       }));
  view.Line(Outcome(made));
  return made;
}

}  // namespace

std::string ImageIdFor(const std::string& image) {
  const std::string id = IdOf(ImageName(image));
  if (id.find_first_of("/:@") == std::string::npos) return id;
  const absl::StatusOr<oci::Reference> reference = oci::ParseReference(image);
  return reference.ok() ? oci::ImageIdOf(*reference) : image;
}

void DeclareNewVm(Flags& flags, NewVm& vm) {
  flags.Text("--name", "NAME", vm.name, "1 to 63 of a-z 0-9 -; default: one is made up");
  flags
      .Text("--image", "IMAGE", vm.image,
            "what it boots: an image, or what 'image pull' takes; default: the configured image")
      .complete = Names::kImages;
  DeclareSizes(flags, vm.sizes);
  flags.Switch("--nat", vm.nat,
               "let it out by the host's default route; else it reaches only the host's DNS");
  DeclareEgress(flags, vm.egress);
  flags.List("--allow-vm", "VM", vm.allow_vms, "it and that VM may reach each other").complete = Names::kVms;
  flags.List("-p,--publish", "PORT", vm.publish,
             "[HOSTIP:]HOSTPORT:GUESTPORT[/udp], on 127.0.0.1 by default");
}

std::string Describe(const NewVm& vm) {
  return vm.name.empty() ? "create a vm" : absl::StrCat("create vm '", vm.name, "'");
}

absl::StatusOr<vm::v1::Vm> CreateVm(Client& client, const NewVm& vm) {
  const std::string what = Describe(vm);
  const absl::StatusOr<vm::v1::CreateVmRequest> request = ToProto(vm);
  if (!request.ok()) return Annotate(request.status(), what);
  // Before there is a VM: a configuration may be wrong.
  const absl::StatusOr<UserSettings> settings =
      vm.no_start ? UserSettings() : ReadUserSettings(client.stop());
  if (!settings.ok()) return Annotate(settings.status(), what);
  absl::StatusOr<vm::v1::Vm> made = Create(client, *request, what);
  if (ErrorReason(made.status()) == "IMAGE_NOT_FOUND") {
    if (const absl::Status pulled = PullMissing(client, vm, made.status()); !pulled.ok())
      return Annotate(pulled, what);
    made = Create(client, *request, what);
  }
  if (!made.ok()) return Annotate(NothingKept(made.status()), what);
  if (made->state() == vm::v1::Vm::STATE_RUNNING) SendUserSettings(client, IdOf(made->name()), *settings);
  return made;
}

}  // namespace banger::cli
