#include "services/imaged/adapters/oci_layout_builder.h"

#include <sys/stat.h>

#include "common/ext4/testing/ext4_inspector.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/imaged/testing/oci_layout.h"

namespace banger::imaged {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OciLayoutBuilderTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(directory_, TempDir::Create()); }

  absl::StatusOr<BuiltRootfs> Build(const std::string& layout, const std::string& reference = "",
                                    const ArchiveLimits& limits = {}) {
    MemorySource source(layout);
    return OciLayoutBuilder(source, reference, "x86_64", limits).Build(rootfs(), 0, {});
  }

  Ext4Inspector BuildAndCheck(const std::string& layout, const std::string& reference = "") {
    EXPECT_OK(Build(layout, reference));
    EXPECT_OK(CheckExt4(rootfs()));
    absl::StatusOr<Ext4Inspector> fs = Ext4Inspector::Open(rootfs());
    EXPECT_OK(fs);
    return *std::move(fs);
  }

  void ExpectError(const std::string& layout, const std::string& reason, const std::string& text,
                   const std::string& reference = "") {
    const absl::Status status = Build(layout, reference).status();
    EXPECT_EQ(ErrorReason(status), reason) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
    EXPECT_TRUE(std::filesystem::is_empty(directory_.path())) << "something was left behind";
  }

  std::string Pack(const std::string& tar, const std::string& program) {
    return *RunCommandOk({.argv = {program, "-c"}}, tar);
  }

  std::filesystem::path rootfs() const { return directory_.path() / "rootfs.ext4"; }

  TempDir directory_;
};

TEST_F(OciLayoutBuilderTest, LaysLayersOverEachOtherHoweverTheyAreCompressed) {
  TarBuilder a, b, c;
  const std::string first = a.File("etc/a", "1").File("etc/b", "1").File("etc/c", "1").Build();
  const std::string second = b.File("etc/b", "2").File("etc/c", "2").Build();
  const std::string third = c.File("etc/c", "3").Build();
  OciLayout layout;
  layout.Layer(first, Pack(first, "gzip"), "+gzip").Layer(second, Pack(second, "zstd"), "+zstd");
  layout.Layer(third, third, "");
  layout.config["config"] = {{"Env", {"PATH=/bin"}},
                             {"WorkingDir", "/srv"},
                             {"User", "www"},
                             {"Entrypoint", {"/run"}},
                             {"Cmd", {"-x"}}};
  ASSERT_OK_AND_ASSIGN(const BuiltRootfs built, Build(layout.Build()));
  ASSERT_OK(CheckExt4(rootfs()));
  ASSERT_OK_AND_ASSIGN(const Ext4Inspector fs, Ext4Inspector::Open(rootfs()));

  EXPECT_THAT(fs.ReadFile("/etc/a"), IsOkAndHolds("1"));
  EXPECT_THAT(fs.ReadFile("/etc/b"), IsOkAndHolds("2"));
  EXPECT_THAT(fs.ReadFile("/etc/c"), IsOkAndHolds("3"));
  EXPECT_EQ(built.arch, "x86_64");
  EXPECT_THAT(built.config.env, ElementsAre("PATH=/bin"));
  EXPECT_EQ(built.config.working_dir, "/srv");
  EXPECT_EQ(built.config.user, "www");
  EXPECT_THAT(built.config.entrypoint, ElementsAre("/run"));
  EXPECT_THAT(built.config.cmd, ElementsAre("-x"));
}

TEST_F(OciLayoutBuilderTest, TakesSha512Throughout) {
  TarBuilder lower, upper;
  OciLayout layout;
  layout.algorithm = "sha512";
  layout.Layer(lower.File("a", "lower").File("b", "lower"));
  const std::string tar = upper.File("b", "upper").Build();
  layout.Layer(tar, Pack(tar, "gzip"), "+gzip");
  const Ext4Inspector fs = BuildAndCheck(layout.Build());
  EXPECT_THAT(fs.ReadFile("/a"), IsOkAndHolds("lower"));
  EXPECT_THAT(fs.ReadFile("/b"), IsOkAndHolds("upper"));

  ASSERT_OK(RemoveTree(rootfs()));
  OciLayout blob = layout, content = layout;
  blob.blobs[0].second[600] = 'X';
  const std::string name = blob.blobs[0].first;
  ExpectError(blob.Build(), "DIGEST_MISMATCH", name);
  content.diff_ids[1] = content.diff_ids[0];
  ExpectError(content.Build(), "DIGEST_MISMATCH", "layer 2");
}

TEST_F(OciLayoutBuilderTest, ALayerMayComeTwice) {
  TarBuilder a, b;
  a.File("f", "a").File("only", "a");
  b.File("f", "b").File(".wh.only", "");
  const Ext4Inspector fs = BuildAndCheck(OciLayout().Layer(a).Layer(b).Layer(a).Build());
  EXPECT_THAT(fs.ReadFile("/f"), IsOkAndHolds("a"));
  EXPECT_THAT(fs.ReadFile("/only"), IsOkAndHolds("a"));
}

TEST_F(OciLayoutBuilderTest, WhiteoutsHideFilesAndTrees) {
  TarBuilder lower, upper;
  lower.File("a", "a").File("d/x", "x").File("d/e/y", "y").File("kept", "k");
  upper.File(".wh.a", "").File(".wh.d", "").File("nowhere/at/all/.wh.x", "").File("kept/.wh.q", "");
  const Ext4Inspector fs = BuildAndCheck(OciLayout().Layer(lower).Layer(upper).Build());

  EXPECT_THAT(fs.Stat("/a"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(fs.Stat("/d"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(fs.Stat("/nowhere"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(fs.ReadFile("/kept"), IsOkAndHolds("k"));
}

TEST_F(OciLayoutBuilderTest, WhiteoutsSpareWhatTheirOwnLayerBrings) {
  TarBuilder lower, upper;
  lower.File("d/old", "1").File("d/sub/old", "1").File("d/replaced", "1").File("f", "1");
  upper.File("d/new", "2").File("d/sub/new", "2").File("d/.wh..wh..opq", "").File("d/late", "2");
  upper.File("f", "2").File(".wh.f", "");
  const Ext4Inspector fs = BuildAndCheck(OciLayout().Layer(lower).Layer(upper).Build());

  EXPECT_THAT(fs.List("/d"), IsOkAndHolds(ElementsAre("late", "new", "sub")));
  EXPECT_THAT(fs.List("/d/sub"), IsOkAndHolds(ElementsAre("new")));
  EXPECT_THAT(fs.ReadFile("/f"), IsOkAndHolds("2"));
}

TEST_F(OciLayoutBuilderTest, OpaqueDirectoriesBehindSymlinksAreThoseOfTheImage) {
  TarBuilder lower, upper;
  lower.File("real/x", "x").Symlink("link", "/real").Symlink("outside", "../../../../etc");
  upper.File("link/.wh..wh..opq", "").File("outside/.wh..wh..opq", "").File("outside/.wh.passwd", "");
  const Ext4Inspector fs = BuildAndCheck(OciLayout().Layer(lower).Layer(upper).Build());

  EXPECT_THAT(fs.List("/real"), IsOkAndHolds(ElementsAre()));
  EXPECT_TRUE(std::filesystem::exists("/etc/passwd"));
}

TEST_F(OciLayoutBuilderTest, LayersReplaceOneTypeByAnother) {
  TarBuilder lower, upper;
  lower.File("dir/x", "x").File("file", "f").Symlink("link", "file");
  upper.File("dir", "now a file").Directory("file").File("file/y", "y").Directory("link").File("link/z", "z");
  const Ext4Inspector fs = BuildAndCheck(OciLayout().Layer(lower).Layer(upper).Build());

  EXPECT_THAT(fs.ReadFile("/dir"), IsOkAndHolds("now a file"));
  EXPECT_THAT(fs.ReadFile("/file/y"), IsOkAndHolds("y"));
  EXPECT_THAT(fs.ReadFile("/link/z"), IsOkAndHolds("z"));
}

TEST_F(OciLayoutBuilderTest, HardLinksReachIntoLowerLayersAndSurviveTheirTarget) {
  TarBuilder lower, middle, upper;
  lower.File("a", "content");
  middle.Add({.path = "b", .type = '1', .link_target = "a"});
  upper.File(".wh.a", "");
  const Ext4Inspector fs = BuildAndCheck(OciLayout().Layer(lower).Layer(middle).Layer(upper).Build());

  EXPECT_THAT(fs.ReadFile("/b"), IsOkAndHolds("content"));
  EXPECT_EQ(fs.Stat("/b")->links, 1u);
}

TEST_F(OciLayoutBuilderTest, PlantedSymlinksLeadNowhereOutside) {
  TarBuilder lower, upper;
  lower.Symlink("etc", directory_.path().string());
  upper.File("etc/evil", "x").Add({.path = "h", .type = '1', .link_target = "etc/evil"});
  const Ext4Inspector fs = BuildAndCheck(OciLayout().Layer(lower).Layer(upper).Build());

  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "evil"));
  EXPECT_THAT(fs.ReadFile(directory_.path().string() + "/evil"), IsOkAndHolds("x"));
  EXPECT_EQ(fs.Stat("/h")->links, 2u);
}

TEST_F(OciLayoutBuilderTest, ChoosesByTagAndPlatformThroughNestedIndexes) {
  const auto layout_of = [](OciLayout& layout, const std::string& content) {
    TarBuilder tar;
    layout.layers.clear();
    layout.diff_ids.clear();
    layout.Layer(tar.File("which", content));
    return layout.Manifest();
  };
  OciLayout layout;
  OciLayout::Json amd = layout_of(layout, "amd64"), arm = layout_of(layout, "arm64"),
                  other = layout_of(layout, "other");
  amd["platform"] = {{"os", "linux"}, {"architecture", "amd64"}};
  arm["platform"] = {{"os", "linux"}, {"architecture", "arm64"}};
  OciLayout::Json attestation = arm;
  attestation["platform"] = {{"os", "unknown"}, {"architecture", "unknown"}};
  OciLayout::Json nested = layout.Blob(OciLayout::Json({{"manifests", {arm, attestation, amd}}}).dump(),
                                       "application/vnd.oci.image.index.v1+json");
  nested["annotations"] = {{"org.opencontainers.image.ref.name", "multi"}};
  other["annotations"] = {{"org.opencontainers.image.ref.name", "single"}};
  const std::string tar = layout.Build({nested, other});

  EXPECT_THAT(BuildAndCheck(tar, "multi").ReadFile("/which"), IsOkAndHolds("amd64"));
  ASSERT_OK(RemoveTree(rootfs()));
  EXPECT_THAT(BuildAndCheck(tar, "single").ReadFile("/which"), IsOkAndHolds("other"));
  ASSERT_OK(RemoveTree(rootfs()));
  ExpectError(tar, "ARCHIVE_REFUSED", "multi, single");
  ExpectError(tar, "ARCHIVE_REFUSED", "no image 'nope'", "nope");
  ExpectError(layout.Build({arm}), "PLATFORM_NOT_FOUND", "linux/amd64");
}

TEST_F(OciLayoutBuilderTest, RefusesBlobsThatAreNotWhatTheyAreNamed) {
  TarBuilder tar;
  OciLayout layout;
  layout.Layer(tar.File("a", "a"));
  layout.blobs[0].second[600] = 'X';
  const std::string name = layout.blobs[0].first;
  ExpectError(layout.Build(), "DIGEST_MISMATCH", name);
}

TEST_F(OciLayoutBuilderTest, RefusesALayerWhoseContentHasAnotherDigest) {
  TarBuilder tar;
  OciLayout layout;
  layout.Layer(tar.File("a", "a"));
  layout.diff_ids[0] = "sha256:" + std::string(64, '0');
  ExpectError(layout.Build(), "DIGEST_MISMATCH", "layer 1");
}

TEST_F(OciLayoutBuilderTest, RefusesDescriptorsThatLie) {
  TarBuilder tar;
  tar.File("a", "a");
  OciLayout size, algorithm, missing, type, count;
  size.Layer(tar).layers[0]["size"] = 3;
  ExpectError(size.Build(), "IMAGE_CORRUPT", "its descriptor says 3");
  algorithm.Layer(tar).layers[0]["digest"] = "sha512:" + std::string(128, 'a');
  ExpectError(algorithm.Build(), "IMAGE_CORRUPT", "sha512");
  missing.Layer(tar).layers[0]["digest"] = "sha256:" + std::string(64, 'a');
  ExpectError(missing.Build(), "IMAGE_CORRUPT", "lacks blob");
  type.Layer(tar).layers[0]["mediaType"] = "text/html";
  ExpectError(type.Build(), "ARCHIVE_REFUSED", "text/html");
  count.Layer(tar).diff_ids.clear();
  ExpectError(count.Build(), "IMAGE_CORRUPT", "0 diff_ids");
}

TEST_F(OciLayoutBuilderTest, RefusesDocumentsThatContradictThemselves) {
  TarBuilder tar;
  OciLayout both, text, windows;
  both.Layer(tar.File("a", "a"));
  ExpectError(both.Build({both.Blob(R"({"layers":[],"manifests":[]})",
                                    "application/vnd.oci.image.manifest.v1+json")}),
              "IMAGE_CORRUPT", "neither an index nor a manifest");
  ExpectError(text.Build({text.Blob("[[[[", "application/vnd.oci.image.manifest.v1+json")}), "IMAGE_CORRUPT",
              "JSON");
  windows.Layer(tar).config["os"] = "windows";
  ExpectError(windows.Build(), "ARCHIVE_REFUSED", "windows");
  ExpectError(TarBuilder().File("index.json", "{").Build(), "IMAGE_CORRUPT", "index.json");
  ExpectError(TarBuilder().File("bin/sh", "x").Build(), "ARCHIVE_REFUSED", "no index.json");
}

TEST_F(OciLayoutBuilderTest, RefusesDocumentsThatAreDeeperThanTheStack) {
  const std::string deep = std::string(1000000, '[') + std::string(1000000, ']');
  const std::string index = absl::StrCat(R"({"manifests":)", deep, "}");
  ExpectError(TarBuilder().File("index.json", index).Build(), "IMAGE_CORRUPT", "index.json is nested");
  TarBuilder tar;
  OciLayout layout;
  layout.Layer(tar.File("a", "a"));
  const auto manifest =
      layout.Blob(absl::StrCat(R"({"layers":)", deep, "}"), "application/vnd.oci.image.manifest.v1+json");
  ExpectError(layout.Build({manifest}), "IMAGE_CORRUPT", "nested too deeply");
}

TEST_F(OciLayoutBuilderTest, RefusesHostileLayersByTheirMember) {
  TarBuilder dots, nothing;
  ExpectError(OciLayout().Layer(dots.File("../../evil", "x")).Build(), "ARCHIVE_REFUSED", "../../evil");
  ExpectError(OciLayout().Layer(nothing.File(".wh.", "")).Build(), "ARCHIVE_REFUSED", "whiteout");
}

TEST_F(OciLayoutBuilderTest, StopsABomb) {
  const std::string zeros = Pack(TarBuilder().File("a", std::string(20 << 20, '\0')).Build(), "gzip");
  OciLayout layout;
  layout.Layer("x", zeros, "+gzip");
  const absl::Status status = Build(layout.Build(), "", {.max_bytes = 1 << 20}).status();
  EXPECT_EQ(ErrorReason(status), "ARCHIVE_REFUSED") << status;
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(OciLayoutBuilderTest, TakesWhatUmociMakes) {
  const std::string script =
      "cd \"$0\" && umoci init --layout img && umoci new --image img:t &&"
      " umoci unpack --rootless --image img:t b && printf one > b/rootfs/a && printf gone > b/rootfs/b &&"
      " umoci repack --image img:t b && rm -rf b && umoci unpack --rootless --image img:t b &&"
      " rm b/rootfs/b && mkdir b/rootfs/d && printf two > b/rootfs/d/c && umoci repack --image img:t b &&"
      " umoci config --image img:t --config.env A=b --config.cmd /a && tar -C img -cf layout.tar . && rm -rf "
      "b img";
  const TempDir work = *TempDir::Create();
  ASSERT_OK(RunCommandOk({.argv = {"sh", "-ec", script, work.path().string()}}));
  ASSERT_OK_AND_ASSIGN(const std::string layout, ReadFile(work.path() / "layout.tar"));
  ASSERT_OK_AND_ASSIGN(const BuiltRootfs built, Build(layout, "t"));
  ASSERT_OK(CheckExt4(rootfs()));
  ASSERT_OK_AND_ASSIGN(const Ext4Inspector fs, Ext4Inspector::Open(rootfs()));

  EXPECT_THAT(fs.ReadFile("/a"), IsOkAndHolds("one"));
  EXPECT_THAT(fs.ReadFile("/d/c"), IsOkAndHolds("two"));
  EXPECT_THAT(fs.Stat("/b"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(built.config.cmd, ElementsAre("/a"));
}

}  // namespace
}  // namespace banger::imaged
