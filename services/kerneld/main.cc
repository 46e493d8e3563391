#include "common/rpc/daemon.h"
#include "common/rpc/reflection.h"
#include "services/kerneld/server.h"

int main(int argc, char** argv) {
  banger::rpc::EnableReflection();
  return banger::rpc::RunDaemon(argc, argv, {.name = "kerneld"}, banger::kerneld::MakeServer);
}
