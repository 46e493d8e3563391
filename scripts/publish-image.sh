#!/usr/bin/env bash
# scripts/publish-image.sh [OPTIONS] NAME: packs an image of the local store as a
# bundle, uploads it, checks that everybody can fetch it, puts it into a catalog,
# and signs that. See docs/image-catalog.md. It never commits.
#
#   --directory DIR     copy to a directory that a web server shows, instead of rclone
#   --catalog FILE      the catalog to change (services/imaged/catalog.json)
#   --key FILE          sign the catalog with this minisign key, and publish it too
#   --distro TEXT       of the entry: "debian"
#   --release TEXT      "12"
#   --description TEXT
#
#   RCLONE_REMOTE, RCLONE_BUCKET  where rclone uploads to: REMOTE:BUCKET
#   BASE_URL                      where the world finds that; the file's name follows it
#   BANGER                        the program that exports the image (banger)
#   ZSTD_CLEVEL                   another compression than 19, for a quick try
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/publish-lib.sh"

parse_options directory catalog key distro release description -- "$@"
catalog=${catalog:-$repo/services/imaged/catalog.json}
[[ $name =~ ^[a-z0-9][a-z0-9._-]{0,127}$ ]] || usage
banger=${BANGER:-banger}
check_settings "$banger"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$banger" image show "$name" >"$work/image.json"

# The same image gives the same bytes.
say "packing '$name'"
"$banger" image export "$name" --format bundle -o - | zstd -q -dc |
  zstd -q "-${ZSTD_CLEVEL:-19}" --long=24 -T0 -o "$work/image.tar.zst"
publish_file "$work/image.tar.zst"
# What is not given stays as the catalog has it.
jq --arg name "$name" --arg url "$url" --arg sha256 "$sha256" --argjson size "$size" \
  --arg distro "$distro" --arg release "$release" --arg description "$description" \
  --slurpfile catalog "$catalog" '
  ([$catalog[0].entries[] | select(.name == $name)] | first) as $old
  | {name: $name,
     distro: (if $distro != "" then $distro else $old.distro // "" end),
     release: (if $release != "" then $release else $old.release // "" end),
     arch, bundle_url: $url, bundle_sha256: $sha256, size_bytes: $size, description: $description}
    + (if (.kernel // "") != "" then {kernel: (.kernel | ltrimstr("kernels/"))} else {} end)' \
  "$work/image.json" >"$work/entry.json"
publish_entry image "$work/entry.json"
