// What tests do whose shared instance serves other hosts as well.
#pragma once

#include <string>

#include "common/testing/status_matchers.h"
#include "tests/e2e/shared_instance.h"
#include "tests/e2e/tls_gateway.h"

namespace banger::e2e {

class TlsInstanceTest : public SharedInstanceTest {
 protected:
  // With that before the configuration of its TLS.
  static void StartTlsInstance(const std::string& config, const std::string& listen = "127.0.0.1:0") {
    auto tls = TlsGateway::Make();
    ASSERT_OK(tls);
    tls_ = new TlsGateway(*std::move(tls));
    StartInstance({.config = config + tls_->config(listen)});
  }
  static void SetUpTestSuite() { StartTlsInstance(""); }
  static void TearDownTestSuite() {
    SharedInstanceTest::TearDownTestSuite();
    delete tls_;
    tls_ = nullptr;
  }

  static inline TlsGateway* tls_ = nullptr;
};

}  // namespace banger::e2e
