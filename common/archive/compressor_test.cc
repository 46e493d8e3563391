#include "common/archive/compressor.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/archive/archive_reader.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

// Neither all alike nor without any pattern, and larger than every buffer.
std::string Sample() {
  std::string text;
  for (unsigned i = 0; text.size() < (3U << 20); ++i) text += std::to_string(i * 2654435761U % 100'003);
  return text;
}

std::unique_ptr<Compressor> Make(bool gzip, Compressor::Sink sink) {
  if (gzip) return std::make_unique<GzipCompressor>(std::move(sink));
  return std::make_unique<ZstdCompressor>(std::move(sink), 3);
}

TEST(CompressorTest, WhatWasWrittenComesBackHoweverItWasCut) {
  for (const bool gzip : {true, false}) {
    for (const std::size_t piece : {std::size_t{1'000}, std::size_t{700'001}, Sample().size()}) {
      std::string packed;
      const auto compressor = Make(gzip, [&packed](absl::string_view bytes) {
        packed.append(bytes.data(), bytes.size());
        return absl::OkStatus();
      });
      const std::string sample = Sample();
      for (std::size_t at = 0; at < sample.size(); at += piece)
        ASSERT_OK(compressor->Write(absl::string_view(sample).substr(at, piece)));
      ASSERT_OK(compressor->Finish());
      EXPECT_LT(packed.size(), sample.size());
      MemorySource source(packed);
      ASSERT_OK_AND_ASSIGN(ArchiveReader reader, ArchiveReader::OpenCompressed(source));
      ASSERT_OK(reader.Next());
      EntrySource entry(reader);
      ASSERT_OK_AND_ASSIGN(const std::string back, ReadAll(entry, 4 << 20));
      EXPECT_TRUE(back == sample) << gzip << piece;
    }
  }
}

TEST(CompressorTest, TheSinksErrorEndsIt) {
  for (const bool gzip : {true, false}) {
    const auto compressor = Make(gzip, [](absl::string_view) { return absl::CancelledError("enough"); });
    absl::Status status = compressor->Write(Sample());
    if (status.ok()) status = compressor->Finish();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled));
  }
}

}  // namespace
}  // namespace banger
