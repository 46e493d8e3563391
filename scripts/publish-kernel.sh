#!/usr/bin/env bash
# scripts/publish-kernel.sh [OPTIONS] NAME: packs a kernel of the local store,
# uploads it, checks that everybody can fetch it, puts it into a catalog, and
# signs that. See docs/kernel-catalog.md. It never commits.
#
#   --directory DIR     copy to a directory that a web server shows, instead of rclone
#   --catalog FILE      the catalog to change (services/kerneld/catalog.json)
#   --key FILE          sign the catalog with this minisign key, and publish it too
#   --description TEXT
#
#   RCLONE_REMOTE, RCLONE_BUCKET  where rclone uploads to: REMOTE:BUCKET
#   BASE_URL                      where the world finds that; the file's name follows it
#   BANGER_KERNELS_DIR            the store (that of this user or of the system)
#   ZSTD_CLEVEL                   another compression than 19, for a quick try
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/publish-lib.sh"

parse_options directory catalog key description -- "$@"
catalog=${catalog:-$repo/services/kerneld/catalog.json}
[[ $name =~ ^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$ ]] || usage
check_settings

store() { # the directory of all kernels
  if [ -n "${BANGER_KERNELS_DIR:-}" ]; then
    echo "$BANGER_KERNELS_DIR"
  elif [ -n "${BANGER_ROOT:-}" ]; then
    echo "$BANGER_ROOT/state/kernels"
  elif [ "$(id -u)" -eq 0 ]; then
    echo /var/lib/banger/kernels
  else
    echo "${XDG_STATE_HOME:-$HOME/.local/state}/banger/kernels"
  fi
}
kernel=$(store)/$name
for file in vmlinux manifest.json; do
  [ -f "$kernel/$file" ] || die "there is no kernel '$name' in '$(store)'"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pack() {
  local members=(vmlinux)
  jq --sort-keys '{arch, distro, kernel_version}' "$kernel/manifest.json" >"$work/metadata.json"
  [ -f "$kernel/initrd.img" ] && members+=(initrd.img)
  [ -d "$kernel/modules" ] && members+=(modules)
  pack_tree "$work/kernel.tar.zst" -C "$work" metadata.json -C "$kernel" "${members[@]}"
}

say "packing '$name'"
pack
publish_file "$work/kernel.tar.zst"
jq --arg name "$name" --arg url "$url" --arg sha256 "$sha256" --argjson size "$size" \
  --arg description "$description" \
  '{name: $name, distro, arch, kernel_version, tarball_url: $url, tarball_sha256: $sha256, size_bytes: $size,
    description: $description}' "$kernel/manifest.json" >"$work/entry.json"
publish_entry kernel "$work/entry.json"
