#include "tests/e2e/catalog_site.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/testing/status_matchers.h"

namespace banger::e2e {
namespace fs = std::filesystem;

CatalogSite::CatalogSite()
    : dir_(*TempDir::Create()),
      web_(dir_.path() / "web"),
      server_([this](const http::HttpServer::Request& request, http::HttpServer::Client& client) {
        Answer(request, client);
      }) {
  fs::create_directory(web_);
  const CommandResult made =
      *RunCommand({.argv = {"minisign", "-G", "-W", "-p", dir_.path() / "key.pub", "-s", key()}});
  EXPECT_TRUE(made.status.success()) << made.err;
  EXPECT_OK(WriteFileAtomically(catalog(), "{\"version\": 1, \"entries\": []}\n"));
}

std::string CatalogSite::Config(const std::string& kind) const {
  const std::vector<std::string> lines = absl::StrSplit(*ReadFile(dir_.path() / "key.pub"), '\n');
  return absl::StrCat("[[", kind, "_catalogs]]\nurl = \"", Url("/catalog.json"), "\"\npublic_key = \"",
                      lines[1], "\"\n");
}

fs::path CatalogSite::Tarball() const {
  for (const fs::directory_entry& file : fs::directory_iterator(web_))
    if (file.path().extension() == ".zst") return file.path();
  return {};
}

void CatalogSite::Answer(const http::HttpServer::Request& request, http::HttpServer::Client& client) const {
  const auto content = ReadFile(web_ / request.target.substr(1), 2LL << 30);
  if (!content.ok()) {
    client.Send(http::Response("404 Not Found", {}, ""));
  } else {
    http::ServedFile{.content = *content}.Answer(request, client);
  }
}

}  // namespace banger::e2e
