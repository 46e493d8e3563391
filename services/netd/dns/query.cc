#include "services/netd/dns/query.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace banger::netd::dns {
namespace {

constexpr std::size_t kTypeAndClass = 4;
constexpr std::size_t kRecordFixed = 10;  // type, class, TTL, length
constexpr unsigned kPointerBits = 0xc0;

unsigned char At(absl::string_view message, std::size_t offset) {
  return static_cast<unsigned char>(message[offset]);
}

// The question's name: it is the first in the message, so it cannot point back.
bool ParseQuestion(absl::string_view message, Query* query) {
  std::size_t at = kHeaderSize;
  for (;;) {
    if (at >= message.size()) return false;
    const std::size_t length = At(message, at);
    if (length > kMaxLabelSize || at + 1 + length > message.size()) return false;
    if (query->name_size + 1 + length > kMaxNameSize) return false;
    query->name_bytes[query->name_size++] = static_cast<char>(length);
    for (std::size_t i = at + 1; i <= at + length; ++i)
      query->name_bytes[query->name_size++] = absl::ascii_tolower(At(message, i));
    at += 1 + length;
    if (length == 0) break;
  }
  if (at + kTypeAndClass > message.size()) return false;
  query->type = Read16(message.data() + at);
  query->qclass = Read16(message.data() + at + 2);
  query->question = message.substr(kHeaderSize, at + kTypeAndClass - kHeaderSize);
  return true;
}

// Steps over a name without following pointers.
bool SkipName(absl::string_view message, std::size_t* at) {
  while (*at < message.size()) {
    const std::size_t length = At(message, *at);
    if ((length & kPointerBits) == kPointerBits) {
      *at += 2;
      return *at <= message.size();
    }
    if (length > kMaxLabelSize) return false;
    *at += 1 + length;
    if (length == 0) return true;
  }
  return false;
}

void ParseOpt(const char* fixed, Query* query) {
  query->has_edns = true;
  query->udp_size = std::max(Read16(fixed + 2), kPlainUdpSize);
  query->edns_version = static_cast<std::uint8_t>(fixed[5]);
  query->dnssec_ok = (Read16(fixed + 6) & kEdnsFlagDnssecOk) != 0;
}

// Of the additional records only OPT matters, but all must be whole.
bool ParseAdditional(absl::string_view message, std::size_t at, int count, Query* query) {
  for (int i = 0; i < count; ++i) {
    const std::size_t name = at;
    if (!SkipName(message, &at) || at + kRecordFixed > message.size()) return false;
    const char* const fixed = message.data() + at;
    at += kRecordFixed + Read16(fixed + 8);
    if (at > message.size()) return false;
    if (Read16(fixed) != kTypeOpt) continue;
    if (query->has_edns || At(message, name) != 0) return false;
    ParseOpt(fixed, query);
  }
  return at == message.size();
}

}  // namespace

bool ParseQuery(absl::string_view message, Query* query, Rcode* problem) {
  if (message.size() < kHeaderSize) return false;
  query->id = Read16(message.data());
  query->flags = Read16(message.data() + 2);
  if ((query->flags & kFlagResponse) != 0) return false;
  *problem = kNoError;
  if ((query->flags & kOpcodeMask) != 0) {
    *problem = kNotImplemented;
    return true;
  }
  const int questions = Read16(message.data() + 4);
  const int answers = Read16(message.data() + 6);
  const int authorities = Read16(message.data() + 8);
  const int additional = Read16(message.data() + 10);
  if (questions != 1 || answers != 0 || authorities != 0 || !ParseQuestion(message, query) ||
      !ParseAdditional(message, kHeaderSize + query->question.size(), additional, query))
    *problem = kFormatError;
  else if (query->edns_version != 0)
    *problem = kBadVersion;
  return true;
}

std::string NameToText(absl::string_view wire_name) {
  std::string text;
  for (std::size_t at = 0; at < wire_name.size() && wire_name[at] != 0;) {
    const std::size_t length = At(wire_name, at);
    if (!text.empty()) text += '.';
    for (const char c : wire_name.substr(at + 1, length)) {
      if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_')
        text += c;
      else
        absl::StrAppendFormat(&text, "\\%03d", static_cast<unsigned char>(c));
    }
    at += 1 + length;
  }
  return text.empty() ? "." : text;
}

}  // namespace banger::netd::dns
