#include "services/gateway/adapters/client_identity.h"

#include <openssl/pem.h>

#include "common/testing/status_matchers.h"
#include "common/tls/openssl.h"
#include "services/gateway/testing/certificates.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<ClientIdentity> IdentityOf(const std::string& name, const std::vector<std::string>& units) {
  const KeyedCertificate made = TestAuthority::SelfSigned({.name = name, .units = units});
  const BioPtr bio(BIO_new_mem_buf(made.certificate.data(), -1));
  const CertificatePtr parsed(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  return gateway::IdentityOf(parsed.get());
}

TEST(ClientIdentityTest, TheNameIsTheCommonNameAndTheRoleAUnit) {
  ASSERT_OK_AND_ASSIGN(const ClientIdentity alice,
                       IdentityOf("alice@example.org", {"Team", "banger-operator"}));
  EXPECT_EQ(alice.name, "alice@example.org");
  EXPECT_EQ(alice.role, Role::kOperator);
}

TEST(ClientIdentityTest, AnotherUnitIsNoRole) {
  for (const char* unit :
       {"admin", "banger-root", "banger-", "Banger-admin", "banger-admin ", "xbanger-admin"}) {
    ASSERT_OK_AND_ASSIGN(const ClientIdentity someone, IdentityOf("someone", {unit}));
    EXPECT_EQ(someone.role, Role::kNone) << unit;
  }
}

TEST(ClientIdentityTest, TwoRolesAreNone) {
  EXPECT_THAT(IdentityOf("alice", {"banger-viewer", "banger-admin"}).status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("more than one")));
}

TEST(ClientIdentityTest, ANameCanBeShown) {
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a\nb"),
                                  std::string("a\0b", 3), std::string("\xc3\xa4")})
    EXPECT_THAT(IdentityOf(name, {"banger-admin"}).status(), StatusIs(absl::StatusCode::kPermissionDenied))
        << name;
}

TEST(ClientIdentityTest, ANameIsNoUserOfThisHost) {
  for (const char* name : {"uid:0", "uid:", "uid:alice"})
    EXPECT_THAT(IdentityOf(name, {"banger-admin"}).status(),
                StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("'uid:'")));
  EXPECT_OK(IdentityOf("uid0", {"banger-admin"}).status());
}

}  // namespace
}  // namespace banger::gateway
