#!/usr/bin/env bash
# scripts/make-golden-image.sh [OPTIONS] NAME: makes an image of Debian bookworm with
# mmdebstrap and takes it into the local store, from where publish-image.sh
# publishes it. As root, or as a user with subordinate ids.
#
#   --recipe DIR  what goes in: DIR/packages and the hook DIR/customize (images/golden)
#   --tar FILE    keep the root file system as a tar instead of importing it
#
#   SOURCE_DATE_EPOCH  no file is newer (the last commit of the recipe); the same packages
#                      with the same date give the same tar
#   BANGER             the program that imports (banger)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

usage() {
  sed -n '2,/^set -/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

recipe=$repo/images/golden tar='' name=''
while [ $# -gt 0 ]; do
  case $1 in
    --recipe | --tar)
      [ $# -ge 2 ] || usage
      declare "${1#--}=$2"
      shift 2
      ;;
    -*) usage ;;
    *)
      [ -z "$name" ] || usage
      name=$1
      shift
      ;;
  esac
done
[[ $name =~ ^[a-z0-9][a-z0-9._-]{0,127}$ ]] || usage
banger=${BANGER:-banger}
for program in mmdebstrap $([ -n "$tar" ] || echo "$banger"); do
  command -v "$program" >/dev/null || die "there is no '$program'; run scripts/setup"
done
[ -f "$recipe/packages" ] || die "'$recipe' has no packages"

if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
  SOURCE_DATE_EPOCH=$(git -C "$repo" log -1 --format=%ct -- images 2>/dev/null || true)
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0}
fi
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
include=$(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$recipe/packages" | paste -sd,)
sources=$(debian_sources)
options=(--variant=minbase --components=main "--include=$include")
[ ! -x "$recipe/customize" ] || options+=("--customize-hook=$recipe/customize")

say "making '$name' of $(tr , '\n' <<<"$include" | wc -l) packages and what they need"
mmdebstrap --quiet "${options[@]}" bookworm "$work/rootfs.tar" ${sources:+"$sources"} 2>"$work/log" ||
  { cat "$work/log" >&2; die "mmdebstrap failed"; }
if [ -n "$tar" ]; then
  install -m 0644 "$work/rootfs.tar" "$tar"
  say "the root file system is in '$tar'"
else
  "$banger" image import "$name" --from "$work/rootfs.tar"
  say "next: banger vm run --image $name; scripts/publish-image.sh $name"
fi
