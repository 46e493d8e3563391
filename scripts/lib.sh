# Shared by the scripts beside it; not run by itself.
# shellcheck shell=bash

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() {
  say "$@"
  exit 1
}

# The packages of scripts/packages.txt, one a line.
packages() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$repo/scripts/packages.txt"; }

# Where Debian's own archive is configured, for mmdebstrap; nothing means its
# default. Third-party sources stay out of test images.
debian_sources() {
  local deb822=/etc/apt/sources.list.d/debian.sources
  if [ -f "$deb822" ]; then echo "$deb822"; fi
}
