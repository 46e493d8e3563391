#include "services/imaged/core/image_catalog.h"

#include "common/testing/status_matchers.h"
#include "services/imaged/testing/fakes.h"

namespace banger::imaged {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ImageCatalogTest : public ::testing::Test {
 protected:
  absl::StatusOr<Image> Import(const ImportSpec& spec) { return catalog_.Import(spec, builder_, {}); }

  MemoryStore store_;
  FakeKernels kernels_;
  FakeBuilder builder_;
  ImageCatalog catalog_{store_, kernels_, "x86_64", [] { return 1700000000; }};
};

TEST_F(ImageCatalogTest, ImportKeepsWhatTheBuilderFound) {
  ASSERT_OK_AND_ASSIGN(const Image image, Import({.id = "deb", .source = "import:deb.tar"}));

  EXPECT_EQ(image.os, "Fake Linux");
  EXPECT_EQ(image.source, "import:deb.tar");
  EXPECT_EQ(image.create_time, 1700000000);
  EXPECT_FALSE(image.built_in);
  EXPECT_OK(catalog_.Get("deb"));
}

TEST_F(ImageCatalogTest, ImportOfAnExistingNameReadsNothing) {
  ASSERT_OK(Import({.id = "deb"}));
  EXPECT_THAT(Import({.id = "deb"}), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("'deb'")));
  EXPECT_EQ(builder_.builds, 1);
}

TEST_F(ImageCatalogTest, ImportWithAnUnknownKernelReadsNothing) {
  EXPECT_THAT(Import({.id = "deb", .kernel = "nope"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("'nope'")));
  EXPECT_EQ(builder_.builds, 0);
  EXPECT_THAT(store_.staged, IsEmpty());
}

TEST_F(ImageCatalogTest, AFailedImportLeavesNothing) {
  builder_.result = ImageCorrupt("half a tar");
  EXPECT_THAT(Import({.id = "deb"}), StatusIs(absl::StatusCode::kDataLoss, "half a tar"));
  EXPECT_THAT(store_.staged, IsEmpty());
  EXPECT_THAT(store_.images, IsEmpty());
}

TEST_F(ImageCatalogTest, ImportRefusesAnotherMachinesImage) {
  builder_.result->arch = "aarch64";
  EXPECT_THAT(Import({.id = "arm"}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("aarch64")));
  EXPECT_THAT(store_.images, IsEmpty());
}

TEST_F(ImageCatalogTest, ImportGivesTheImageItsKernel) {
  kernels_.kernels["k"] = {.id = "k", .vmlinux = "/k/vmlinux"};
  ASSERT_OK(Import({.id = "deb", .kernel = "k"}));
  ASSERT_EQ(store_.kernels.size(), 1u);
  EXPECT_EQ(store_.kernels.begin()->second.vmlinux, "/k/vmlinux");
}

TEST_F(ImageCatalogTest, RefusesNamesAndSizesThatCannotBe) {
  for (const char* const id : {"", "-a", "A", "a/b", "..", "a b"})
    EXPECT_EQ(ErrorReason(Import({.id = id}).status()), "IMAGE_NAME_INVALID") << id;
  EXPECT_EQ(ErrorReason(Import({.id = std::string(129, 'a')}).status()), "IMAGE_NAME_INVALID");
  EXPECT_EQ(ErrorReason(Import({.id = "a", .size_bytes = -1}).status()), "REQUEST_INVALID");
  EXPECT_EQ(ErrorReason(catalog_.Acquire("a", "me", {}).status()), "REQUEST_INVALID");
  EXPECT_EQ(ErrorReason(catalog_.Acquire("a", "vms/../x", {}).status()), "REQUEST_INVALID");
}

TEST_F(ImageCatalogTest, DeleteNamesWhoHoldsTheImage) {
  kernels_.kernels["k"] = {.id = "k", .vmlinux = "/k/vmlinux"};
  ASSERT_OK(Import({.id = "deb", .kernel = "k"}));
  ASSERT_OK(catalog_.Acquire("deb", "vms/1", {}));
  ASSERT_OK(catalog_.Acquire("deb", "vms/2", {}));

  EXPECT_THAT(catalog_.Delete("deb", {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("vms/1, vms/2")));
  ASSERT_OK(catalog_.Release("deb", "vms/1", {}));
  ASSERT_OK(catalog_.Release("deb", "vms/2", {}));
  EXPECT_OK(catalog_.Release("deb", "vms/2", {}));
  EXPECT_OK(catalog_.Delete("deb", {}));
  EXPECT_THAT(catalog_.Get("deb"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ImageCatalogTest, AnImageWithoutKernelBootsTheDefaultOfTheFirstAcquire) {
  ASSERT_OK(Import({.id = "deb"}));
  EXPECT_EQ(ErrorReason(catalog_.Acquire("deb", "vms/1", {}).status()), "NO_KERNEL");
  EXPECT_THAT(store_.leases, IsEmpty());

  kernels_.kernels["old"] = {.id = "old", .vmlinux = "/old/vmlinux"};
  kernels_.kernels["new"] = {.id = "new", .vmlinux = "/new/vmlinux"};
  kernels_.default_id = "old";
  EXPECT_EQ(catalog_.Acquire("deb", "vms/1", {})->vmlinux, "/old/vmlinux");
  kernels_.default_id = "new";
  EXPECT_EQ(catalog_.Acquire("deb", "vms/1", {})->vmlinux, "/old/vmlinux");
  EXPECT_EQ(catalog_.Acquire("deb", "vms/2", {})->vmlinux, "/new/vmlinux");
}

TEST_F(ImageCatalogTest, AcquirePassesOnThatKerneldIsDown) {
  ASSERT_OK(Import({.id = "deb"}));
  kernels_.error = absl::UnavailableError("kerneld does not answer");
  EXPECT_THAT(catalog_.Acquire("deb", "vms/1", {}), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ImageCatalogTest, ABuiltInImageIsRenewedUnlessInUseAndNeverDeleted) {
  kernels_.kernels["k"] = {.id = "k", .vmlinux = "/k/vmlinux"};
  kernels_.default_id = "k";
  ASSERT_OK(catalog_.ProvideBuiltIn("mini", "d1", builder_));
  ASSERT_OK(catalog_.ProvideBuiltIn("mini", "d1", builder_));
  EXPECT_EQ(builder_.builds, 1);
  EXPECT_EQ(ErrorReason(catalog_.Delete("mini", {})), "IMAGE_BUILT_IN");

  ASSERT_OK(catalog_.Acquire("mini", "vms/1", {}));
  ASSERT_OK(catalog_.ProvideBuiltIn("mini", "d2", builder_));
  EXPECT_EQ(store_.images["mini"].digest, "d1");
  ASSERT_OK(catalog_.Release("mini", "vms/1", {}));
  ASSERT_OK(catalog_.ProvideBuiltIn("mini", "d2", builder_));
  EXPECT_EQ(store_.images["mini"].digest, "d2");
}

TEST_F(ImageCatalogTest, ListsInPages) {
  for (const char* const id : {"c", "a", "b"}) ASSERT_OK(Import({.id = id}));
  ASSERT_OK_AND_ASSIGN(const ImagePage first, catalog_.List("", 2));
  EXPECT_EQ(first.images.size(), 2u);
  EXPECT_EQ(first.next_after, "b");
  ASSERT_OK_AND_ASSIGN(const ImagePage second, catalog_.List(first.next_after, 2));
  ASSERT_EQ(second.images.size(), 1u);
  EXPECT_EQ(second.images[0].id, "c");
  EXPECT_EQ(second.next_after, "");
}

TEST(ChooseFileSystemSizeTest, TakesTheWishElseHalfAsMuchAgainAtLeastOneGiB) {
  EXPECT_EQ(ChooseFileSystemSize(100, 0), std::int64_t{1} << 30);
  EXPECT_EQ(ChooseFileSystemSize(std::int64_t{2} << 30, 0), std::int64_t{3} << 30);
  EXPECT_EQ(ChooseFileSystemSize(std::int64_t{2} << 30, 5000000), 5 << 20);
}

}  // namespace
}  // namespace banger::imaged
