#include "common/rpc/daemon.h"
#include "services/gateway/server.h"

int main(int argc, char** argv) {
  return banger::rpc::RunDaemon(
      argc, argv, {.name = "gateway", .socket_mode = 0660, .default_health = false, .metrics_service = false},
      banger::gateway::MakeParts);
}
