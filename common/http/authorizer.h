#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/http/response_head.h"
#include "common/http/transfer.h"

namespace banger::http {

// Knows what each server wants to hear from its caller. Asked for every address
// anew, redirects too, so that nothing meant for one server reaches another.
// Thread-safe.
class Authorizer {
 public:
  struct Access {
    std::string authorization;  // "Basic eA=="; empty: none
    TlsOptions tls;
  };

  virtual ~Authorizer() = default;

  virtual Access AccessTo(const std::string& url) = 0;

  // The server answered 401 to `used`. True: another try may do. Errors end the
  // fetch.
  virtual absl::StatusOr<bool> Renew(const std::string& url, const Access& used, const ResponseHead& head,
                                     const std::stop_token& stop) = 0;
};

}  // namespace banger::http
