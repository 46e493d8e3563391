#include "common/rpc/daemon.h"
#include "common/rpc/reflection.h"
#include "services/imaged/server.h"

int main(int argc, char** argv) {
  banger::rpc::EnableReflection();
  return banger::rpc::RunDaemon(argc, argv, {.name = "imaged"}, banger::imaged::MakeServer);
}
