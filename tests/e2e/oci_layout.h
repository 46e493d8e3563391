// OCI images for tests, made by umoci.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace banger::e2e {

// A layout directory. Failures are those of the test.
class OciLayout {
 public:
  explicit OciLayout(std::filesystem::path dir);

  // An empty image, or another name for one that is there: layers that are added to
  // one of both are not in the other.
  void Make(const std::string& image) const;
  void Copy(const std::string& from, const std::string& image) const;

  // From a tar, or from a directory, whose files will be root's.
  void AddLayer(const std::string& image, const std::filesystem::path& layer) const;

  // As `umoci config`: {"--config.env", "A=1"}.
  void Configure(const std::string& image, const std::vector<std::string>& arguments) const;

  const std::filesystem::path& dir() const { return dir_; }

 private:
  void Umoci(std::vector<std::string> arguments) const;
  std::string Named(const std::string& image) const;

  std::filesystem::path dir_;
};

}  // namespace banger::e2e
