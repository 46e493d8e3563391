#pragma once

#include <grpcpp/grpcpp.h>

#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/testing/fake_state.h"

namespace banger::cli {

// Plays a command in a guest, chosen by argv[0]:
//   cat          gives stdin back until its end
//   exit N       ends with that code
//   big N        N MiB on stdout, each byte its offset modulo 251
//   both         a line on stdout, one on stderr
//   trap         waits for a signal and ends with 128 + its number
//   stubborn     records signals and never ends
//   (no argv)    with entrypoint it ends with 6; else a shell: keys come back, sizes are recorded, "q" ends
//   it with 5
grpc::Status RunFakeGuest(FakeState& state,
                          grpc::ServerReaderWriter<vm::v1::ExecVmResponse, vm::v1::ExecVmRequest>& stream);

}  // namespace banger::cli
