#!/usr/bin/env bash
# scripts/make-generic-kernel.sh [OPTIONS]: builds the kernel "generic": everything
# that a microVM wants built in, no modules, no initrd (scripts/kernel/generic.config).
#
#   --source kernel.org|distro  where the sources come from (kernel.org)
#   --version V        a series, 6.12, or a release of kernel.org, 6.12.34 (6.12)
#   --output DIR       gets vmlinux, metadata.json and config (./generic-SERIES)
#   --work DIR         sources and objects, to go on from the next time (a temporary one)
#   --jobs N           compilers at once (all processors)
#   --keyring FILE     public keys of kernel.org's signers, instead of fetching them
#   --config-only      only makes and checks the configuration
#   --import           takes the kernel in as generic-SERIES: banger kernel import
#
# kernel.org: a release counts only with a signature by one of the keys that
# scripts/kernel/release-signers pins. distro: the package linux-source-SERIES of the
# host's own apt, 150 MB, fetched for this and not installed; apt verifies it.
#
# Build user, host, time and paths are fixed, so that it can be built again. It takes
# 4 GB of disk. KERNEL_MIRROR names another https or file URL than kernel.org's; CC
# another compiler ("ccache gcc").
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$repo/scripts/kernel/verify.sh"
. "$repo/scripts/kernel/sources.sh"
. "$repo/scripts/kernel/config.sh"
umask 022

usage() {
  sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
}

source=kernel.org version=6.12 output='' work='' jobs=$(nproc) keyring='' config_only=false import=false
while [ $# -gt 0 ]; do
  case $1 in
    --source | --version | --output | --work | --jobs | --keyring)
      [ $# -ge 2 ] || usage
      declare "${1#--}=$2"
      shift
      ;;
    --config-only) config_only=true ;;
    --import) import=true ;;
    *) usage ;;
  esac
  shift
done
[[ $version =~ ^[0-9]+\.[0-9]+(\.[0-9]+)?$ ]] || die "'$version' is no version; try 6.12 or 6.12.34"
[[ $jobs =~ ^[1-9][0-9]*$ ]] || die "'$jobs' is no number of jobs"
series=$(cut -d. -f1,2 <<<"$version")
case $source in
  kernel.org) ;;
  distro) [ "$version" = "$series" ] || die "a distribution has one release of a series; try --version $series" ;;
  *) die "'$source' is no source; try kernel.org or distro" ;;
esac
[ -z "$keyring" ] || [ -s "$keyring" ] || die "there are no keys in '$keyring'"
for program in make bison flex bc tar xz curl gpg jq; do
  command -v "$program" >/dev/null || die "there is no '$program'; run scripts/setup"
done
output=$(realpath -m "${output:-generic-$series}")
if [ -z "$work" ]; then
  work=$(mktemp -d /var/tmp/banger-kernel.XXXXXX)
  trap 'rm -rf "$work"' EXIT
fi
work=$(realpath -m "$work")
fragment=$repo/scripts/kernel/generic.config
mkdir -p "$work"

# Takes a second name, so that a tree that was not wholly unpacked is not one.
tree=$work/$source-$version
if [ ! -d "$tree" ]; then
  say "fetching the sources"
  rm -rf "$tree.new" && mkdir "$tree.new"
  if [ "$source" = distro ]; then
    unpack_distribution "$series" "$work" "$tree.new"
  else
    unpack_release "$version" "${keyring:+$(realpath "$keyring")}" "$repo/scripts/kernel/release-signers" \
      "$work" "$tree.new"
  fi
  mv "$tree.new" "$tree"
fi

# Whatever would tell one build from another is fixed: user, host, number, time (that
# of the sources), language. Paths are not in the objects: kbuild maps __FILE__.
epoch=$(stat -c %Y "$tree/Makefile")
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=$epoch KBUILD_BUILD_USER=banger KBUILD_BUILD_HOST=banger \
  KBUILD_BUILD_VERSION=1 KBUILD_BUILD_TIMESTAMP
KBUILD_BUILD_TIMESTAMP=$(date -u -d "@$epoch")
objects=$tree.objects
mkdir -p "$objects"
kernel_make() {
  make -C "$tree" -s O="$objects" ARCH=x86_64 ${CC:+CC="$CC"} "$@"
}

found=$(tree_version "$tree")
say "configuring $found"
kernel_make KCONFIG_ALLCONFIG="$fragment" allnoconfig >/dev/null
missing=$(missing_symbols "$fragment" "$objects/.config")
[ -z "$missing" ] || die "the kernel does not take these of '$fragment':"$'\n'"$missing"
mkdir -p "$output"
install -m 0644 "$objects/.config" "$output/config"
if $config_only; then
  say "$output/config"
  exit 0
fi

say "building $found ($jobs jobs)"
kernel_make -j "$jobs" vmlinux
# Without the symbol table, which no VMM reads: the kernel has its own for messages.
strip --strip-all -o "$output/vmlinux.new" "$objects/vmlinux"
chmod 0644 "$output/vmlinux.new"
mv "$output/vmlinux.new" "$output/vmlinux"
jq -n --arg version "$found" '{distro: "generic", arch: "x86_64", kernel_version: $version}' >"$output/metadata.json"
say "$output/vmlinux $(sha256sum "$output/vmlinux" | cut -d' ' -f1)"

if $import; then
  banger=$(command -v banger || echo "$repo/scripts/dev banger")
  $banger kernel import "generic-$series" --from "$output" --force
else
  say "next: banger kernel import generic-$series --from $output"
fi
