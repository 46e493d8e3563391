// A fake for each of core's ports. Together they are a small host: what was made
// and not given back can be seen, each step can be made to fail or to hang, and
// "vmd dies here" is an exception-free cut: after CutAfter(n) steps every port
// fails without doing anything, as a dead process would.
#pragma once

#include "services/vmd/core/host_resources.h"
#include "services/vmd/testing/fake_daemons.h"
#include "services/vmd/testing/fake_host.h"
#include "services/vmd/testing/fake_store.h"
#include "services/vmd/testing/fake_vmm.h"

namespace banger::vmd {

class FakeClock final : public Clock {
 public:
  Time Now() override { return Time(std::chrono::seconds(1'700'000'000)); }
};

// All of them.
struct FakeWorld {
  FakeHost host;
  FakeThings things;
  FakeStore store{host};
  FakeImages images{host, things};
  FakeNetwork network{host, things};
  FakeFiles files{host, things};
  FakeVmm vmm{host, things};
  FakeGuests guests{host, vmm};
  FakeClock clock;

  Ports ports() { return {store, images, network, files, vmm, guests, clock}; }
};

}  // namespace banger::vmd
