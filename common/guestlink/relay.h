// What both ends of the link share: a session's bytes between port and stream.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/guestlink/frame.h"
#include "common/os/unique_fd.h"

namespace banger::guestlink {

// A port with what was read from it and not used, and what is to be written.
struct PortIo {
  UniqueFd fd;  // non-blocking
  Decoder decoder;
  std::string out;
  std::size_t out_done = 0;
  bool is_device = false;  // found out at the first write

  // Drops what is still to be written for `bytes`, which begin with a preamble.
  void Replace(std::string bytes);
  bool writing() const { return out_done < out.size(); }
  // UNAVAILABLE when the port has no peer any more.
  absl::Status WriteSome();
  // How much came: 0 is nothing for now. UNAVAILABLE when the port has no peer.
  absl::StatusOr<std::size_t> ReadSome();
};

// Two connected non-blocking stream sockets.
struct StreamPair {
  UniqueFd ours;
  UniqueFd theirs;
};
absl::StatusOr<StreamPair> MakeStreamPair();

// An event that wakes a poll, once and for all.
class Wakeup {
 public:
  static absl::StatusOr<Wakeup> Create();
  void Wake() const;
  int fd() const { return fd_.get(); }

 private:
  explicit Wakeup(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Moves bytes both ways until the session ends: `stream` is closed by its other
// end, the port loses its peer, CLOSE or anything that is no DATA of this
// session comes (a frame of another session is left in the decoder), or
// `wakeup` (-1: none) becomes readable. Says CLOSE when the reason is ours and
// the port takes it. Holds one frame a direction.
void Relay(PortIo& port, UniqueFd stream, std::uint64_t session, int wakeup);

}  // namespace banger::guestlink
