// What vmd's core needs of the world. Everything that can wait takes a
// std::stop_token or has a deadline of its own; every port is thread-safe. A fake
// for each is in services/vmd/testing.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/vmd/core/snapshot.h"
#include "services/vmd/core/usage.h"
#include "services/vmd/core/vm.h"

namespace banger::vmd {

// What a VM has on the host, in the order in which it is made; given back in the
// reverse one. The numbers are stored: never change them.
enum class Resource {
  kImageLease = 1,  // detail: the image
  kEndpoint = 2,    // an address at netd
  kDisks = 3,       // the VM's directory
  kTap = 4,
  kProcess = 5,  // the VMM, its cgroup, its sockets and its runtime record
};

// "uid may have this resource": written before the resource is made and struck
// after it is gone. Survives the VM's own row when giving back failed.
struct LedgerEntry {
  std::string uid;
  Resource resource;
  std::string detail;

  bool operator==(const LedgerEntry&) const = default;
};

// Which VMs a list has.
enum class Which {
  kAll,
  kUp,  // those that run, start, stop or are paused
};

class VmStore {
 public:
  virtual ~VmStore() = default;

  // VM_EXISTS when the name is taken: the one place that decides it.
  virtual absl::Status Insert(const Vm& vm) = 0;
  // All but uid, name and create time. VM_NOT_FOUND when the row has gone.
  virtual absl::Status Update(const Vm& vm) = 0;
  // Only what users set, as the state may change meanwhile: sizes, their origins,
  // the policy and the workspace. VM_NOT_FOUND when the row has gone.
  virtual absl::Status UpdateSettings(const Vm& vm) = 0;
  // Only when the state still is one of `from`; whether it was.
  virtual absl::StatusOr<bool> ChangeState(const std::string& uid, const std::vector<VmState>& from,
                                           VmState to, const std::string& detail) = 0;
  // When it was used last; the one thing of a row that Update leaves alone.
  virtual absl::Status Touch(const std::string& uid, Time time) = 0;
  // Fine when there is none.
  virtual absl::Status Delete(const std::string& uid) = 0;
  virtual absl::StatusOr<std::optional<Vm>> Find(const std::string& uid) = 0;
  // Those whose name is `reference`, else whose uid begins with it: at most ten.
  virtual absl::StatusOr<std::vector<Vm>> Match(const std::string& reference) = 0;
  // By creation time, then uid; those after the row `after_uid` stood at.
  virtual absl::StatusOr<std::vector<Vm>> List(const std::string& after, std::size_t limit, Which which) = 0;
  // How many there are in each state; states that none is in may be missing.
  virtual absl::StatusOr<std::map<VmState, int>> CountByState() = 0;

  // Published ports: the one place that decides which VM has which, whether it
  // runs or not. PORT_IN_USE with the name of the other VM; replaces what the same
  // VM had there. They go with the VM's row.
  virtual absl::Status AddPort(const std::string& uid, const PublishedPort& port) = 0;
  // Fine when there is none.
  virtual absl::Status RemovePort(const std::string& uid, const PublishedPort& port) = 0;
  virtual absl::StatusOr<std::vector<PublishedPort>> PortsOf(const std::string& uid) = 0;
  // Of all VMs, by uid.
  virtual absl::StatusOr<std::multimap<std::string, PublishedPort>> AllPorts() = 0;

  virtual absl::Status Record(const LedgerEntry& entry) = 0;
  virtual absl::Status Strike(const std::string& uid, Resource resource) = 0;
  // Of one VM, or of all when `uid` is empty; last made first.
  virtual absl::StatusOr<std::vector<LedgerEntry>> Ledger(const std::string& uid) = 0;
};

// The files that a VM boots from; they stay as long as the lease.
struct ImageFiles {
  std::filesystem::path rootfs;
  std::filesystem::path vmlinux;
  std::filesystem::path initrd;  // may be empty
  ExecDefaults exec;
};

class ImageClient {
 public:
  virtual ~ImageClient() = default;
  // Idempotent for one uid.
  virtual absl::StatusOr<ImageFiles> Acquire(const std::string& image, const std::string& uid,
                                             const std::stop_token& stop) = 0;
  // Fine when there is no such lease.
  virtual absl::Status Release(const std::string& image, const std::string& uid) = 0;
  struct Lease {
    std::string image;
    std::string uid;
  };
  // Only those of VMs.
  virtual absl::StatusOr<std::vector<Lease>> ListLeases() = 0;
};

struct Endpoint {
  std::string address;  // IPv4
  int prefix_length = 0;
  std::string mac;
  std::string gateway;
  int mtu = 0;
  std::string nameserver;    // empty: there is none
  std::string ipv6_address;  // empty where IPv6 is off, as is its gateway
  int ipv6_prefix_length = 0;
  std::string ipv6_gateway;
};

class NetworkClient {
 public:
  virtual ~NetworkClient() = default;
  // False when this host has no netd; then VMs have user-mode networks.
  virtual bool Present() = 0;
  // Idempotent for one uid. The guest has the name `hostname` while it has a tap.
  virtual absl::StatusOr<Endpoint> CreateEndpoint(const std::string& uid, const std::string& hostname,
                                                  const std::stop_token& stop) = 0;
  virtual absl::Status SetPolicy(const std::string& uid, const NetworkPolicy& policy,
                                 const std::stop_token& stop) = 0;
  virtual absl::Status AttachTap(const std::string& uid, const std::stop_token& stop) = 0;
  // Fine when there is none.
  virtual absl::Status DetachTap(const std::string& uid) = 0;
  virtual absl::Status DeleteEndpoint(const std::string& uid) = 0;
  // Those that are ours.
  struct Known {
    std::string uid;
    std::string hostname;  // as netd remembers it
    bool has_tap = false;
  };
  virtual absl::StatusOr<std::vector<Known>> ListEndpoints() = 0;
};

struct DiskPaths {
  std::filesystem::path upper;
  std::filesystem::path work;
  std::filesystem::path console_log;
  // Of VMMs that have them: what troubles it, and JSON lines of counters.
  std::filesystem::path vmm_log;
  std::filesystem::path vmm_metrics;
  // The agent's, of the last start.
  std::filesystem::path agent;
};

// The VM's own directory and what is in it.
class VmFiles {
 public:
  virtual ~VmFiles() = default;
  virtual DiskPaths PathsOf(const std::string& uid) const = 0;
  // Replaces what an interrupted attempt left.
  virtual absl::Status MakeDisks(const std::string& uid, const VmSizes& sizes) = 0;
  // Makes those larger that are smaller, with what is in them; the guest makes use
  // of it at its next start. On disk when this returns.
  virtual absl::Status GrowDisks(const std::string& uid, const VmSizes& sizes) = 0;
  // Fine when there is none.
  virtual absl::Status Remove(const std::string& uid) = 0;
  // What both disks take on the host; 0 when there are none.
  virtual std::int64_t DiskUsed(const std::string& uid) const = 0;
  // Directories of VMs, known or not.
  virtual absl::StatusOr<std::vector<std::string>> List() = 0;
  // Gives the VM the disk that holds the guest agent of now: a link to one that all
  // VMs share. A guest has the one that it was started with until its end.
  virtual absl::Status GiveAgentDisk(const std::string& uid) = 0;
};

// Where a guest goes on that was frozen.
struct FrozenRun {
  std::filesystem::path directory;  // with what Vmm::Freeze wrote
  FrozenMachine machine;
};

// What a VMM is to run.
struct Machine {
  std::string uid;
  VmSizes sizes;
  std::filesystem::path vmlinux;
  std::filesystem::path initrd;  // may be empty
  std::filesystem::path rootfs;
  DiskPaths disks;
  NetworkMode network_mode = NetworkMode::kNone;
  std::string mac;
  // Instead of a boot. The network interface has the MAC of then until the guest
  // changes it.
  std::optional<FrozenRun> frozen;
};

// The host's end of the channel to the guest's agent.
struct AgentChannel {
  std::filesystem::path socket;
  // 0: whoever connects has the channel. Else the socket leads to any port of the
  // guest's vsock, and this is the agent's.
  unsigned vsock_port = 0;

  bool operator==(const AgentChannel&) const = default;
};

struct VmmProcess {
  pid_t pid = 0;
  std::string vmm;  // "qemu-kvm", "qemu-tcg"
  AgentChannel agent;
};

// How a VMM ended.
struct VmmExit {
  enum class Kind {
    kPoweredOff,  // the guest shut itself down
    kRebooted,    // the guest asked for a reboot; the VMM ends all the same
    kPanicked,    // its kernel panicked
    kEnded,       // anything else: killed, crashed
  };
  Kind kind = Kind::kEnded;
  std::string detail;  // one line for people; may be empty
};

class Vmm {
 public:
  // Called once for each VMM that ends, from a thread of the driver's. It must
  // not call the driver for the same VM.
  using OnExit = std::function<void(const std::string& uid, const VmmExit& exit)>;

  virtual ~Vmm() = default;

  // Boots, or goes on where the machine was frozen; returns once the VMM runs the guest.
  // There must be none for the uid. SNAPSHOT_UNFIT when it cannot go on from there.
  virtual absl::StatusOr<VmmProcess> Launch(const Machine& machine, const std::stop_token& stop) = 0;
  // Takes over the VMM that an earlier vmd launched. NOT_FOUND when it is gone,
  // DATA_LOSS when nothing is known of it; after any other error it may work later.
  virtual absl::StatusOr<VmmProcess> Adopt(const std::string& uid) = 0;
  virtual std::optional<VmmProcess> Running(const std::string& uid) const = 0;
  // Presses the power button.
  virtual absl::Status PowerDown(const std::string& uid) = 0;
  // The guest stands still, with all it has in memory, until Resume. Both are fine
  // when it is so already.
  virtual absl::Status Pause(const std::string& uid) = 0;
  virtual absl::Status Resume(const std::string& uid) = 0;
  // Writes all that the paused guest has in memory and devices to files in `directory`,
  // which is empty; it stays paused. Its disks hold what it has written.
  virtual absl::StatusOr<VmmIdentity> Freeze(const std::string& uid, const std::filesystem::path& directory,
                                             const std::stop_token& stop) = 0;
  virtual absl::Status Signal(const std::string& uid, int signal) = 0;
  // True when it has ended within the timeout.
  virtual bool WaitForEnd(const std::string& uid, std::chrono::milliseconds timeout,
                          const std::stop_token& stop) = 0;
  // Ends the VMM if there is one, whether known, adopted or lost, waits for its
  // end and removes its cgroup, its sockets and its record. OnExit has returned by then.
  virtual absl::Status Destroy(const std::string& uid) = 0;
};

struct GuestConfig {
  std::string vm_uid;  // empty: whoever's it is
  std::string hostname;
  std::string mac;
  std::string previous_mac;  // that the interface may still have; may be empty
  std::string address;       // CIDR; empty leaves the network alone
  std::string gateway;       // may be empty
  int mtu = 0;
  std::string nameserver;    // may be empty
  std::string ipv6_address;  // CIDR; empty leaves IPv6 alone
  std::string ipv6_gateway;
  ExecDefaults exec;
  Time time;
};

// The agents inside the guests, known by their VM's uid.
class Guests {
 public:
  virtual ~Guests() = default;
  // Says where the agent's channel is; connects when first needed, and again
  // whenever the connection was lost. Each connection begins by telling the agent
  // the time and `exec`, as it may be another agent process, or another time.
  virtual void Open(const std::string& uid, const AgentChannel& channel, const ExecDefaults& exec) = 0;
  virtual void Close(const std::string& uid) = 0;
  // Waits until the agent answers. DEADLINE_EXCEEDED, CANCELLED.
  virtual absl::Status WaitReady(const std::string& uid, std::chrono::milliseconds timeout,
                                 const std::stop_token& stop) = 0;
  // Gives what could not be set.
  virtual absl::StatusOr<std::vector<std::string>> Configure(const std::string& uid,
                                                             const GuestConfig& config,
                                                             const std::stop_token& stop) = 0;
  // To the host's.
  virtual absl::Status SetTime(const std::string& uid, std::chrono::milliseconds timeout,
                               const std::stop_token& stop) = 0;
  virtual absl::StatusOr<GuestUsage> Usage(const std::string& uid, std::chrono::milliseconds timeout,
                                           const std::stop_token& stop) = 0;
  // Asks the guest to sync and power off; returns when it has agreed.
  virtual absl::Status PowerOff(const std::string& uid, std::chrono::milliseconds timeout,
                                const std::stop_token& stop) = 0;
};

// Listens on the host's ports and carries what comes there to the guests.
class PortForwards {
 public:
  virtual ~PortForwards() = default;
  // Takes the place of what is there for the same host side. PORT_IN_USE with the
  // owner's name when another program has it.
  virtual absl::Status Open(const std::string& uid, const PublishedPort& port) = 0;
  // Ends its connections.
  virtual void Close(const std::string& uid, const PublishedPort& port) = 0;
  virtual void CloseAll(const std::string& uid) = 0;
  virtual bool IsOpen(const std::string& uid, const PublishedPort& port) const = 0;
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() = 0;
};

}  // namespace banger::vmd
