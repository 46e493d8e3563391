# Sourced by scripts/make-generic-kernel.sh, after lib.sh and verify.sh: where the
# kernel's sources come from. Each function unpacks a verified tree into DIR.
# shellcheck shell=bash

# Overridable for a mirror; what comes from it is trusted only by its signature.
kernel_mirror=${KERNEL_MIRROR:-https://cdn.kernel.org/pub/linux/kernel}
kernel_keys=https://git.kernel.org/pub/scm/docs/kernel/pgpkeys.git/plain/keys
# A release is 1.5 GB; what unpacks to more than this many KiB is none.
max_tar_kib=$((4 * 1024 * 1024))

fetch() { # URL FILE
  curl --fail --silent --show-error --location --proto '=https,file' --proto-redir '=https' --retry 3 \
    --max-filesize 1G --output "$2.part" "$1" || die "cannot fetch '$1'"
  mv "$2.part" "$2"
}

# newest_release SERIES DOWNLOADS -> 6.12.34 for 6.12. The list says only which file to
# ask for; give a whole version to be independent of it.
newest_release() {
  local newest
  fetch "$kernel_mirror/v${1%%.*}.x/sha256sums.asc" "$2/releases"
  newest=$(sed -E -n "s/^.* linux-(${1//./\\.}(\.[0-9]+)?)\.tar\.xz$/\1/p" "$2/releases" | sort -V | tail -n 1)
  [ -n "$newest" ] || die "there is no release $1 at '$kernel_mirror'"
  echo "$newest"
}

# tree_version DIR -> 6.12.34, as the Makefile says it.
tree_version() {
  sed -E -n 's/^(VERSION|PATCHLEVEL|SUBLEVEL) = ([0-9]+)$/\2/p' "$1/Makefile" | head -n 3 | paste -s -d.
}

# fetch_keys SIGNERS FILE: the public keys of the pinned signers.
fetch_keys() {
  local fingerprint
  for fingerprint in $(pinned_fingerprints "$1"); do
    fetch "$kernel_keys/${fingerprint:24}.asc" "$2.one"
    cat "$2.one"
  done >"$2"
  rm -f "$2.one"
}

# unpack_release VERSION KEYRING SIGNERS WORK DIR; KEYRING may be empty.
unpack_release() {
  local version=$1 keyring=$2 signers=$3 downloads=$4/download dir=$5 fingerprints
  mkdir -p "$downloads"
  [[ $version =~ ^[0-9]+\.[0-9]+$ ]] && version=$(newest_release "$version" "$downloads")
  local name=linux-$version base=$kernel_mirror/v${version%%.*}.x
  if [ -z "$keyring" ]; then
    keyring=$downloads/keys
    fetch_keys "$signers" "$keyring"
  fi
  # The signature first: it is small, and without it the rest is of no use.
  fetch "$base/$name.tar.sign" "$downloads/$name.tar.sign"
  [ -s "$downloads/$name.tar.xz" ] || fetch "$base/$name.tar.xz" "$downloads/$name.tar.xz"

  say "verifying $name.tar"
  (ulimit -f "$max_tar_kib" && exec xz --decompress --stdout --memlimit=1GiB "$downloads/$name.tar.xz" \
    >"$downloads/$name.tar") || { rm -f "$downloads/$name".tar*; die "cannot decompress '$name.tar.xz'"; }
  mapfile -t fingerprints < <(pinned_fingerprints "$signers")
  verify_signature "$keyring" "$downloads/$name.tar.sign" "$downloads/$name.tar" "${fingerprints[@]}" ||
    { rm -f "$downloads/$name".tar*; die "$name is not built"; }
  # The very bytes that were verified.
  tar --extract --strip-components=1 --no-same-owner -C "$dir" -f "$downloads/$name.tar"
  rm -f "$downloads/$name.tar"
  # The signature does not say under which name a release may be served.
  [ "$(tree_version "$dir")" = "$version" ] ||
    { rm -f "$downloads/$name".tar*; die "'$name.tar.xz' has the sources of $(tree_version "$dir")"; }
}

# unpack_distribution SERIES WORK DIR: from the package linux-source-SERIES, which apt
# fetches and verifies with the host's own sources and keys.
unpack_distribution() {
  local package=linux-source-$1 downloads=$2/download dir=$3 deb
  mkdir -p "$downloads"
  # apt-get finds by itself what is there and whole.
  (cd "$downloads" && apt-get -q -o APT::Sandbox::User=root download "$package" >/dev/null) ||
    die "apt cannot fetch '$package'; run apt-get update"
  deb=$(ls -t "$downloads/$package"_*.deb | head -n 1)
  dpkg-deb --fsys-tarfile "$deb" | tar --extract --to-stdout -f - "./usr/src/$package.tar.xz" |
    tar --extract --xz --strip-components=1 --no-same-owner -C "$dir"
}
