#include "common/rpc/daemon.h"
#include "common/rpc/reflection.h"
#include "services/netd/server.h"

int main(int argc, char** argv) {
  banger::rpc::EnableReflection();
  // The socket is open to all, as its peers are told by their credentials.
  return banger::rpc::RunDaemon(argc, argv,
                                {.name = "netd",
                                 .socket_mode = 0666,
                                 .own_flags = {"--client-uid", "--reconcile-interval"},
                                 .max_workers = 16},
                                banger::netd::MakeServer);
}
