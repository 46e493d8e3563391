// A place to publish to, for tests: a directory behind a web server of this
// process, a catalog, and the minisign key that signs it.
#pragma once

#include <filesystem>
#include <string>

#include "common/http/testing/http_server.h"
#include "common/os/temp_dir.h"

namespace banger::e2e {

class CatalogSite {
 public:
  // Fails the test when minisign does.
  CatalogSite();

  std::string Url(const std::string& path) const { return server_.Url(path); }
  // "[[kernel_catalogs]]", with address and key.
  std::string Config(const std::string& kind) const;

  const std::filesystem::path& web() const { return web_; }
  std::string catalog() const { return dir_.path() / "catalog.json"; }
  std::string key() const { return dir_.path() / "key"; }
  // The only tarball that was published.
  std::filesystem::path Tarball() const;

 private:
  void Answer(const http::HttpServer::Request& request, http::HttpServer::Client& client) const;

  const TempDir dir_;
  const std::filesystem::path web_;
  http::HttpServer server_;
};

}  // namespace banger::e2e
