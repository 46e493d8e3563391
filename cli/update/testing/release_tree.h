// A release as small as one can be: shell scripts that answer as banger's programs do.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "common/archive/compress_for_tests.h"
#include "common/archive/tar_builder.h"

namespace banger::cli {

// What `--version` says of each.
struct FakeRelease {
  std::string version = "0.2.0";
  std::string commit = "0123456789ab";
  int store = 8;

  std::string Command() const {
    return absl::StrCat("#!/bin/sh\necho 'banger ", version, " (", commit, ")'\n");
  }
  std::string Daemon(const std::string& name) const {
    return absl::StrCat("#!/bin/sh\n[ \"$1\" = --check-config ] || echo '", name, " ", version, " (", commit,
                        ", 2026-11-22T00:00:00Z)",
                        name == "banger-vmd" ? absl::StrCat(", store ", store) : "", "'\n");
  }
  static std::string Unit(const std::string& name) {
    return absl::StrCat("[Service]\nExecStart=/usr/local/libexec/banger/", name, " --flag\nUser=banger\n");
  }

  // Whoever changes it adds members, of which the last with a name counts.
  TarBuilder Tar() const {
    TarBuilder tar;
    tar.Directory("bin/").File("bin/banger", Command(), 0755).Directory("libexec/banger/");
    for (const std::string name : {"banger-gateway", "banger-vmd"})
      tar.File(absl::StrCat("libexec/banger/", name), Daemon(name), 0755)
          .File(absl::StrCat("lib/systemd/system/", name, ".service"), Unit(name));
    return tar.File("lib/systemd/system/banger.target", "[Unit]\n")
        .File("libexec/banger/guest/ld.so", "ELF", 0755)
        .File("share/banger/config.toml", "# nothing\n")
        .File("share/zsh/site-functions/_banger", "#compdef banger\n");
  }
};

inline std::string Compressed(const TarBuilder& tar) { return CompressForTests(tar.Build(), "zstd"); }

}  // namespace banger::cli
