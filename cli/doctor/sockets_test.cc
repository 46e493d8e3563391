#include "cli/doctor/sockets.h"

#include <sys/stat.h>

#include "cli/doctor/testing/is.h"
#include "common/os/temp_dir.h"
#include "common/os/unix_socket.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;

TEST(DoctorSocketsTest, ASocketIsForItsOwnerAndGroup) {
  const TempDir directory = *TempDir::Create();
  const fs::path path = directory.path() / "gateway.sock";
  EXPECT_THAT(CheckSockets(path), Is(Verdict::kFail, "No such file"));
  ASSERT_OK_AND_ASSIGN(const UniqueFd socket, ListenUnix(path, 0660));
  EXPECT_THAT(CheckSockets(path), Is(Verdict::kPass, "0660"));
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_THAT(CheckSockets(path), Is(Verdict::kFail, "open to every user"));
  ASSERT_EQ(::chmod(path.c_str(), 0660), 0);
  ASSERT_EQ(::chmod(directory.path().c_str(), 0777), 0);
  EXPECT_THAT(CheckSockets(path), Is(Verdict::kFail, "everybody may put another one"));
}

TEST(DoctorSocketsTest, NobodyPassesByTheGateway) {
  const TempDir directory = *TempDir::Create();
  const fs::path path = directory.path() / "gateway.sock";
  ASSERT_OK_AND_ASSIGN(const UniqueFd gateway, ListenUnix(path, 0660));
  ASSERT_OK_AND_ASSIGN(const UniqueFd vmd, ListenUnix(directory.path() / "vmd.sock", 0600));
  EXPECT_THAT(CheckSockets(path), Is(Verdict::kPass, "0660"));
  ASSERT_EQ(::chmod((directory.path() / "vmd.sock").c_str(), 0660), 0);
  EXPECT_THAT(CheckSockets(path), Is(Verdict::kFail, "vmd.sock' (mode 0660) lets others pass by"));
}

}  // namespace
}  // namespace banger::cli
