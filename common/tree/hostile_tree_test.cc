// A hostile archive writes nowhere but where it may.
#include "common/tree/testing/tree_fixture.h"

namespace banger {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class HostileTreeTest : public TreeTest {
 protected:
  HostileTreeTest() { EXPECT_OK(WriteFileAtomically(from_ / "victim", "untouched")); }
  ~HostileTreeTest() override {
    EXPECT_THAT(ReadFile(from_ / "victim"), IsOkAndHolds("untouched"));
    EXPECT_EQ(Stat(from_ / "victim").st_nlink, 1U);
    EXPECT_EQ(std::distance(fs::directory_iterator(from_), fs::directory_iterator()), 1);
    ExpectNothingElse();
  }

  absl::Status Send(const TarBuilder& tar, const std::string& name = "d") const {
    return Receive(tar.Build(), {.path = to_, .name = name, .through_link = false}).status();
  }
  static auto Refused(const std::string& why) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why));
  }
  std::string Victim() const { return (from_ / "victim").string(); }
};

TEST_F(HostileTreeTest, OnlyWhatWasAskedForIsTaken) {
  EXPECT_THAT(Send(TarBuilder().File("other", "x")), Refused("not what was asked for"));
  EXPECT_THAT(Send(TarBuilder().Directory("d").File("dd", "x")), Refused("not what was asked for"));
  EXPECT_THAT(Send(TarBuilder().Directory("d").File("./victim", "x")), Refused("not what was asked for"));
  EXPECT_THAT(Send(TarBuilder()), Refused("empty"));
}

TEST_F(HostileTreeTest, NamesDoNotLeave) {
  for (const char* name : {"/d/x", "d/../../from/victim", "../d", "d/../x", "..", "d/.."})
    EXPECT_THAT(Send(TarBuilder().Directory("d").File(name, "x")), Refused("")) << name;
  EXPECT_THAT(Send(TarBuilder().Directory("d").Pax("path", Victim()).File("d/x", "x")), Refused("absolute"));
}

TEST_F(HostileTreeTest, WhatWasAskedForIsNoLinkAndNoDevice) {
  EXPECT_THAT(Send(TarBuilder().Symlink("d", from_.string())), Refused("neither a file nor a directory"));
  EXPECT_THAT(Send(TarBuilder().Add({.path = "d", .type = '1', .link_target = Victim()})),
              Refused("neither"));
  EXPECT_THAT(Send(TarBuilder().Add({.path = "d", .type = '1', .link_target = "d"})),
              Refused("neither a file nor a directory"));
  EXPECT_THAT(Send(TarBuilder().Add({.path = "d", .type = '3', .device_major = 1, .device_minor = 3})),
              Refused("neither"));
}

TEST_F(HostileTreeTest, NothingGoesThroughALinkOfTheArchive) {
  EXPECT_THAT(Send(TarBuilder().Directory("d").Symlink("d/l", from_.string()).File("d/l/evil", "x")),
              Refused("'d/l/evil'"));
  EXPECT_THAT(Send(TarBuilder().Directory("d").Symlink("d/m", "../../from").Directory("d/m/evil")),
              Refused("'d/m/evil'"));
  EXPECT_THAT(Send(TarBuilder().Directory("d").Symlink("d/n", "../../from").Directory("d/n")),
              Refused("'d/n'"));
  // A file takes the link's place.
  EXPECT_OK(Send(TarBuilder().Directory("d").Symlink("d/o", Victim()).File("d/o", "x")));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(to_ / "d/o")));
}

TEST_F(HostileTreeTest, NothingGoesThroughALinkThatWasThereBefore) {
  fs::create_directory_symlink(from_, to_ / "d");
  EXPECT_THAT(Send(TarBuilder().Directory("d").File("d/evil", "x")), Refused("another kind"));
  fs::create_directory(to_ / "e");
  fs::create_symlink(Victim(), to_ / "e/x");
  EXPECT_OK(Send(TarBuilder().Directory("e").File("e/x", "x"), "e"));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(to_ / "e/x")));
  // What the guest made a link in an earlier copy is not the user's own.
  fs::create_directory_symlink(from_, to_ / "l");
  const std::string contents = TarBuilder().Directory("./").File("./evil", "x").Build();
  EXPECT_THAT(Receive(contents, {.path = to_ / "l", .name = "", .through_link = false}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("symbolic link")));
}

TEST_F(HostileTreeTest, HardLinksStayInside) {
  const auto link = [](const std::string& target) {
    return TarBuilder().Directory("d").Add({.path = "d/x", .type = '1', .link_target = target});
  };
  EXPECT_THAT(Send(link(Victim())), Refused("absolute"));
  EXPECT_THAT(Send(link("../from/victim")), Refused("'..'"));
  EXPECT_THAT(Send(link("victim")), Refused("not what was asked for"));
  EXPECT_THAT(Send(link("d/x")), Refused("itself"));
  EXPECT_THAT(Send(link("d")), Refused("something else than a file"));
  EXPECT_THAT(Send(TarBuilder()
                       .Directory("d")
                       .Symlink("d/up", "../../from")
                       .Add({.path = "d/x", .type = '1', .link_target = "d/up/victim"})),
              Refused("another kind"));
  EXPECT_THAT(Send(TarBuilder()
                       .Directory("d")
                       .Symlink("d/v", Victim())
                       .Add({.path = "d/y", .type = '1', .link_target = "d/v"})),
              Refused("something else than a file"));
}

TEST_F(HostileTreeTest, DevicesFifosAndSetuidProgramsAreNotMade) {
  const std::string tar = TarBuilder()
                              .Directory("d")
                              .Add({.path = "d/disk", .type = '4', .mode = 0666, .device_major = 8})
                              .Add({.path = "d/null", .type = '3', .mode = 0666, .device_major = 1})
                              .Add({.path = "d/fifo", .type = '6'})
                              .File("d/su", "#!/bin/sh", 06777)
                              .Build();
  ASSERT_OK_AND_ASSIGN(const ReceivedTree received, Receive(tar, {.path = to_, .name = "d"}));
  EXPECT_EQ(std::distance(fs::directory_iterator(to_ / "d"), fs::directory_iterator()), 1);
  EXPECT_EQ(Stat(to_ / "d/su").st_mode & 07000, 0U);
  EXPECT_EQ(received.warnings.size(), 3U);
}

TEST_F(HostileTreeTest, MessagesHoldNoControlCharacters) {
  const absl::Status status = Send(TarBuilder().Directory("d").File("d\x1b[2J\a\n", "x"));
  EXPECT_THAT(status, Refused("not what was asked for"));
  EXPECT_EQ(std::string(status.message()).find_first_of("\x1b\a\n"), std::string::npos);
}

TEST_F(HostileTreeTest, ATerabyteOfNothingTakesNothing) {
  const std::string map = "1\n1099511627776\n0\n" + std::string(495, '\0');
  EXPECT_OK(Send(TarBuilder()
                     .Directory("d")
                     .Pax("GNU.sparse.major", "1")
                     .Pax("GNU.sparse.minor", "0")
                     .Pax("GNU.sparse.name", "d/big")
                     .Pax("GNU.sparse.realsize", "1099511627776")
                     .File("d/GNUSparseFile.0/big", map)));
  EXPECT_EQ(Stat(to_ / "d/big").st_size, std::int64_t{1} << 40);
  EXPECT_LT(Stat(to_ / "d/big").st_blocks, 100);
}

TEST_F(HostileTreeTest, MoreBehindTheEndIsRefused) {
  EXPECT_THAT(Receive(TarBuilder().File("d", "x").Build() + "more", {.path = to_, .name = "d"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("behind the tar")));
}

TEST_F(HostileTreeTest, GarbageIsNamedAsSuch) {
  EXPECT_THAT(Receive(std::string(4096, 'x'), {.path = to_, .name = "d"}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not a valid archive")));
}

}  // namespace
}  // namespace banger
