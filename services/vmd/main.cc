#include "common/rpc/daemon.h"
#include "common/rpc/reflection.h"
#include "services/vmd/adapters/sqlite_store.h"
#include "services/vmd/server.h"

int main(int argc, char** argv) {
  banger::rpc::EnableReflection();
  return banger::rpc::RunDaemon(argc, argv,
                                {.name = "vmd", .store_version = banger::vmd::StoreMigrations().size()},
                                banger::vmd::MakeServer);
}
