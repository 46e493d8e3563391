// The byte link between vmd and a guest's agent: one byte stream at a time over
// a virtio-serial port.
//
// A port is a pipe without connections. Bytes on their way when either end
// disappears stay in it, or are lost in the middle of whatever they were; the
// other end may learn of it late or never. So the stream travels in frames of a
// session, and each session begins with something that finds a peer in any
// state:
//
//   link     := (garbage | frame)*
//   frame    := magic type length session payload trailer
//   magic    := "BGL1"                       also the protocol's version
//   type     := 1 HELLO | 2 ACK | 3 DATA | 4 CLOSE              one byte
//   length   := bytes of payload, at most kMaxPayload    3 bytes, little-endian
//   session  := random number chosen by the host         8 bytes, little-endian
//   payload  := the stream's bytes; empty unless DATA
//   trailer  := session with all bits inverted           8 bytes, little-endian
//   greeting := preamble HELLO               host to guest
//   answer   := preamble ACK                 guest to host, with HELLO's session
//   preamble := kMaxFrame zero bytes
//
// Example: the host sends 32,768 zeros, HELLO(7f); the guest ends what it had,
// sends 32,768 zeros, ACK(7f); now DATA(7f) flows both ways until CLOSE(7f).
//
// Why: a receiver stuck inside a frame whose rest never came takes the zeros for
// it, finds no trailer (session and trailer are never both zero), drops it and
// is in step again. The host ignores all until the ACK of its own session, so
// nothing that an earlier session left in the pipe can reach it. An agent that
// starts sends preamble CLOSE(0), "whatever session you have is gone"; a host
// that waits for an ACK then greets again, with another session.
// A frame, header and trailer included, is one write to the port, which the
// guest's kernel cuts at 32 KiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace banger::guestlink {

inline constexpr std::size_t kHeaderSize = 16;
inline constexpr std::size_t kTrailerSize = 8;
inline constexpr std::size_t kMaxFrame = 32 << 10;
inline constexpr std::size_t kMaxPayload = kMaxFrame - kHeaderSize - kTrailerSize;

// The session of a CLOSE that means all of them. No HELLO has it.
inline constexpr std::uint64_t kAnySession = 0;

enum class FrameType : std::uint8_t { kHello = 1, kAck = 2, kData = 3, kClose = 4 };

struct Frame {
  FrameType type;
  std::uint64_t session;
  absl::string_view payload;
};

// kHeaderSize bytes at `out`. `payload_size` is at most kMaxPayload.
void WriteHeader(char* out, FrameType type, std::uint64_t session, std::size_t payload_size);
// kTrailerSize bytes at `out`.
void WriteTrailer(char* out, std::uint64_t session);

std::string EncodeFrame(FrameType type, std::uint64_t session, absl::string_view payload = {});

// The preamble and a frame without payload.
std::string EncodeAfterPreamble(FrameType type, std::uint64_t session);

// Finds the frames in what arrives, whatever arrives: never fails and never
// holds more than two frames' worth of bytes. Not thread-safe.
class Decoder {
 public:
  Decoder();

  // Where to put new bytes and how many at most (0 only while a frame is not
  // popped); ends the life of the last frame's payload.
  char* Space(std::size_t* size);
  // So many bytes were put there.
  void Added(std::size_t size) { end_ += size; }

  // The next whole frame, the same one until Pop. Its payload lives until Space.
  std::optional<Frame> Peek();
  void Pop();

  // How many bytes were dropped so far because they are no frame.
  std::uint64_t skipped() const { return skipped_; }

 private:
  bool SkipToMagic();
  void Skip(std::size_t size);

  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t skipped_ = 0;
};

}  // namespace banger::guestlink
