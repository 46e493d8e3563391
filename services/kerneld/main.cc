#include <malloc.h>

#include "common/rpc/daemon.h"
#include "common/rpc/reflection.h"
#include "services/kerneld/server.h"

int main(int argc, char** argv) {
  // The window of zstd (16 MiB) and an initrd in the making go back to the system as
  // soon as they are done with; by itself glibc comes to keep such sizes.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  banger::rpc::EnableReflection();
  return banger::rpc::RunDaemon(argc, argv, {.name = "kerneld"}, banger::kerneld::MakeServer);
}
