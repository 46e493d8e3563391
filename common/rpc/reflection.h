#pragma once

namespace banger::rpc {

// Serves gRPC reflection on every server that is built from now on. Its library
// brings its own descriptors and must not be linked into a program that serves
// reflection by itself.
void EnableReflection();

}  // namespace banger::rpc
