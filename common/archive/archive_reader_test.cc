#include "common/archive/archive_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "common/archive/compress_for_tests.h"
#include "common/archive/tar_builder.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using Type = ArchiveEntry::Type;

// All entries with their content; holes filled.
absl::StatusOr<std::vector<std::pair<ArchiveEntry, std::string>>> Entries(const std::string& tar,
                                                                          const ArchiveLimits& limits = {}) {
  MemorySource source(tar);
  BANGER_ASSIGN_OR_RETURN(ArchiveReader reader, ArchiveReader::OpenTar(source, limits));
  std::vector<std::pair<ArchiveEntry, std::string>> all;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveEntry> entry, reader.Next());
    if (!entry.has_value()) return all;
    EntrySource data(reader);
    BANGER_ASSIGN_OR_RETURN(std::string content, ReadAll(data, 1 << 20));
    all.emplace_back(*entry, std::move(content));
  }
}

TEST(ArchiveReaderTest, GivesEveryKindOfMemberWithItsMetadata) {
  const std::string tar =
      TarBuilder()
          .Add(
              {.path = "./bin/su", .content = "elf", .mode = 04755, .uid = 1, .gid = 42, .mtime = 1700000000})
          .Directory("etc/")
          .Symlink("etc/mtab", "/proc/mounts")
          .Add({.path = "bin/su2", .type = '1', .link_target = "bin/su"})
          .Add({.path = "dev/null", .type = '3', .device_major = 1, .device_minor = 3})
          .Add({.path = "dev/loop", .type = '4', .device_major = 7})
          .Add({.path = "run/fifo", .type = '6'})
          .Build();
  ASSERT_OK_AND_ASSIGN(const auto entries, Entries(tar));
  ASSERT_EQ(entries.size(), 7U);
  const ArchiveEntry& file = entries[0].first;
  EXPECT_EQ(file.path, "./bin/su");
  EXPECT_EQ(file.mode, 04755U);
  EXPECT_EQ(file.uid, 1U);
  EXPECT_EQ(file.gid, 42U);
  EXPECT_EQ(file.mtime_seconds, 1700000000);
  EXPECT_EQ(file.size, 3);
  EXPECT_EQ(entries[0].second, "elf");
  EXPECT_EQ(entries[1].first.type, Type::kDirectory);
  EXPECT_EQ(entries[2].first.type, Type::kSymlink);
  EXPECT_EQ(entries[2].first.link_target, "/proc/mounts");
  EXPECT_EQ(entries[3].first.type, Type::kHardLink);
  EXPECT_EQ(entries[3].first.link_target, "bin/su");
  EXPECT_EQ(entries[4].first.type, Type::kCharDevice);
  EXPECT_EQ(entries[4].first.device_minor, 3U);
  EXPECT_EQ(entries[5].first.type, Type::kBlockDevice);
  EXPECT_EQ(entries[5].first.device_major, 7U);
  EXPECT_EQ(entries[6].first.type, Type::kFifo);
}

TEST(ArchiveReaderTest, PaxKeepsNanosecondsBigOwnersAndXattrs) {
  const std::string tar = TarBuilder()
                              .Pax("mtime", "1234.000000567")
                              .Pax("uid", "3000000000")
                              .Pax("SCHILY.xattr.user.x", absl::string_view("a\0b", 3))
                              .File("f", "")
                              .Build();
  ASSERT_OK_AND_ASSIGN(const auto entries, Entries(tar));
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].first.mtime_seconds, 1234);
  EXPECT_EQ(entries[0].first.mtime_nanoseconds, 567);
  EXPECT_EQ(entries[0].first.uid, 3000000000U);
  EXPECT_THAT(entries[0].first.xattrs, ElementsAre(Pair("user.x", std::string("a\0b", 3))));
}

// Composed and decomposed accents are different names, and bytes that are no
// UTF-8 at all are a name, too, whatever the locale.
TEST(ArchiveReaderTest, FractionsOfTimesBefore1970AreOfTheSecondBefore) {
  TarBuilder tar;
  ASSERT_OK_AND_ASSIGN(const auto entries, Entries(tar.Pax("mtime", "-1.25").File("a", "").Build()));
  EXPECT_EQ(entries[0].first.mtime_seconds, -2);
  EXPECT_EQ(entries[0].first.mtime_nanoseconds, 750000000);
}

TEST(ArchiveReaderTest, PaxAclsBecomeXattrsAndTheirMaskTheGroupsPermissions) {
  TarBuilder tar;
  tar.Pax("SCHILY.acl.access", "user::rw-,group::r--,other::---,mask::rwx,user:www:r-x:33");
  tar.Pax("SCHILY.acl.default", "user::rwx,group::r-x,other::r-x").File("a", "", 0640);
  ASSERT_OK_AND_ASSIGN(const auto entries, Entries(tar.Build()));
  const ArchiveEntry& entry = entries[0].first;
  EXPECT_EQ(entry.mode, 0670u);
  const auto acl = [](const std::string& entries_hex) {
    return absl::HexStringToBytes("02000000" + entries_hex);
  };
  EXPECT_EQ(entry.xattrs.at("system.posix_acl_access"), acl("01000600ffffffff"
                                                            "0200050021000000"
                                                            "04000400ffffffff"
                                                            "10000700ffffffff"
                                                            "20000000ffffffff"));
  EXPECT_EQ(entry.xattrs.at("system.posix_acl_default"), acl("01000700ffffffff"
                                                             "04000500ffffffff"
                                                             "20000500ffffffff"));
}

TEST(ArchiveReaderTest, AclsThatCannotBeAreRefusedByTheirMember) {
  for (const char* acl : {"user::rw-,group::r--,other::---,mask::rwx,user:lisa:r-x",
                          "user::rw-,group::r--,other::---,user:www:r-x:33"}) {
    TarBuilder tar;
    EXPECT_THAT(Entries(tar.Pax("SCHILY.acl.access", acl).File("a/b", "").Build()),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("'a/b': its ACL")));
  }
}

TEST(ArchiveReaderTest, NamesAreTheArchivesOwnBytes) {
  for (const std::string name : {"nfd-e\xcc\x81", "nfc-\xc3\xa9", "\xe6\x97\xa5", "latin-\xe9\xff"}) {
    ASSERT_OK_AND_ASSIGN(const auto pax, Entries(TarBuilder().Pax("path", name).File("x", "1").Build()));
    EXPECT_EQ(pax.at(0).first.path, name);
    ASSERT_OK_AND_ASSIGN(const auto link,
                         Entries(TarBuilder().Pax("linkpath", name).Symlink("x", "y").Build()));
    EXPECT_EQ(link.at(0).first.link_target, name);
    ASSERT_OK_AND_ASSIGN(const auto plain, Entries(TarBuilder().File(name, "1").Build()));
    EXPECT_EQ(plain.at(0).first.path, name);
  }
  const std::string long_name(300, 'n');
  ASSERT_OK_AND_ASSIGN(const auto gnu, Entries(TarBuilder().File(long_name, "1").Build()));
  EXPECT_EQ(gnu.at(0).first.path, long_name);
}

TEST(ArchiveReaderTest, FindsTheCompressionOut) {
  const std::string tar = TarBuilder().File("a", std::string(100000, 'a')).Build();
  for (const char* filter : {"gzip", "xz", "zstd", "lz4", "bzip2"}) {
    ASSERT_OK_AND_ASSIGN(const auto entries, Entries(CompressForTests(tar, filter)));
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].second, std::string(100000, 'a'));
  }
}

TEST(ArchiveReaderTest, WhatIsNoArchiveOrEndsTooSoonIsDataLoss) {
  EXPECT_THAT(Entries(""), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Entries("hello, world"), StatusIs(absl::StatusCode::kDataLoss));
  const std::string tar = TarBuilder().File("a", std::string(100000, 'a')).Build();
  EXPECT_THAT(Entries(tar.substr(0, 5000)), StatusIs(absl::StatusCode::kDataLoss));
  const std::string zstd = CompressForTests(tar, "zstd");
  EXPECT_THAT(Entries(zstd.substr(0, zstd.size() / 2)), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ArchiveReaderTest, StopsAtItsLimits) {
  TarBuilder builder;
  for (int i = 0; i < 10; ++i) builder.File("f", std::string(1000, 'x'));
  EXPECT_THAT(Entries(builder.Build(), {.max_entries = 9}), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Entries(builder.Build(), {.max_bytes = 9999}), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(Entries(builder.Build(), {.max_entries = 10, .max_bytes = 10000}));
}

TEST(ArchiveReaderTest, HolesOfSparseFilesAreZerosAlsoAtTheEnd) {
  const std::string tar = TarBuilder()
                              .Pax("GNU.sparse.map", "4,2,10,1")
                              .Pax("GNU.sparse.size", "16")
                              .Pax("GNU.sparse.name", "s")
                              .File("GNUSparseFile.0/s", "abc")
                              .Build();
  ASSERT_OK_AND_ASSIGN(const auto entries, Entries(tar));
  EXPECT_EQ(entries.at(0).first.path, "s");
  EXPECT_EQ(entries.at(0).first.size, 16);
  EXPECT_EQ(entries.at(0).second, std::string("\0\0\0\0ab\0\0\0\0c\0\0\0\0\0", 16));
}

TEST(ArchiveReaderTest, AnArOfTarsIsReadWithoutTemporaryFiles) {
  const std::string inner = CompressForTests(TarBuilder().File("boot/x", "kernel").Build(), "xz");
  std::string ar = "!<arch>\n";
  const auto add = [&ar](const std::string& name, const std::string& content) {
    char header[61];
    std::snprintf(header, sizeof header, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", name.c_str(), 0, 0, 0, 0100644,
                  content.size());
    ar += header + content + (content.size() % 2 == 1 ? "\n" : "");
  };
  add("debian-binary", "2.0\n");
  add("data.tar.xz", inner);

  MemorySource source(ar);
  ASSERT_OK_AND_ASSIGN(ArchiveReader outer, ArchiveReader::OpenAr(source));
  ASSERT_OK_AND_ASSIGN(const auto first, outer.Next());
  EXPECT_EQ(first->path, "debian-binary");
  ASSERT_OK_AND_ASSIGN(const auto second, outer.Next());
  EXPECT_EQ(second->path, "data.tar.xz");
  EntrySource data(outer);
  ASSERT_OK_AND_ASSIGN(ArchiveReader tar, ArchiveReader::OpenTar(data));
  ASSERT_OK_AND_ASSIGN(const auto member, tar.Next());
  EXPECT_EQ(member->path, "boot/x");
  EntrySource content(tar);
  EXPECT_THAT(ReadAll(content, 100), IsOkAndHolds("kernel"));
}

TEST(ArchiveReaderTest, ASingleStreamIsUnpackedUpToItsLimit) {
  const std::string text(50000, 'k');
  for (const char* filter : {"none", "gzip", "xz", "zstd"}) {
    const std::string packed = CompressForTests(text, filter);
    MemorySource source(packed);
    ASSERT_OK_AND_ASSIGN(ArchiveReader reader, ArchiveReader::OpenCompressed(source, {.max_bytes = 50000}));
    ASSERT_OK(reader.Next());
    EntrySource stream(reader);
    EXPECT_THAT(ReadAll(stream, 1 << 20), IsOkAndHolds(text));

    MemorySource again(packed);
    ASSERT_OK_AND_ASSIGN(ArchiveReader capped, ArchiveReader::OpenCompressed(again, {.max_bytes = 49999}));
    ASSERT_OK(capped.Next());
    EntrySource bomb(capped);
    EXPECT_THAT(ReadAll(bomb, 1 << 20), StatusIs(absl::StatusCode::kResourceExhausted));
  }
}

TEST(ArchiveReaderTest, TheSourcesOwnErrorComesThrough) {
  class Broken final : public ByteSource {
   public:
    absl::StatusOr<std::size_t> Read(std::span<char>) override { return absl::CancelledError("caller left"); }
  } source;
  EXPECT_THAT(ArchiveReader::OpenTar(source),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("caller left")));
}

TEST(ByteSourceTest, ReadsADescriptorToItsEnd) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  ASSERT_OK(WriteFileAtomically(dir.path() / "f", "bytes"));
  ASSERT_OK_AND_ASSIGN(const UniqueFd fd, OpenFile(dir.path() / "f", O_RDONLY));
  FdSource source(fd.get());
  EXPECT_THAT(ReadAll(source, 5), IsOkAndHolds("bytes"));
}

TEST(ArchiveReaderTest, WhatStandsBehindAPlainTarIsNoticed) {
  const auto trailing = [](const std::string& bytes) {
    MemorySource source(bytes);
    auto reader = ArchiveReader::OpenPlainTar(source);
    EXPECT_OK(reader);
    for (auto entry = reader->Next(); entry.ok() && entry->has_value();) entry = reader->Next();
    return reader->HasTrailingData();
  };
  const std::string tar = TarBuilder().File("a", "text").Build();
  EXPECT_FALSE(trailing(tar));
  EXPECT_FALSE(trailing(tar + std::string(9000, '\0')));
  EXPECT_TRUE(trailing(tar + "x"));
  EXPECT_TRUE(trailing(tar + std::string(9000, '\0') + "x"));
  EXPECT_TRUE(trailing(tar + tar));
}

TEST(ArchiveReaderTest, APlainTarIsNotCompressed) {
  const std::string bytes = CompressForTests(TarBuilder().File("a", "text").Build(), "gzip");
  MemorySource source(bytes);
  auto reader = ArchiveReader::OpenPlainTar(source);
  EXPECT_FALSE(reader.ok() && reader->Next().ok());
}

}  // namespace
}  // namespace banger
