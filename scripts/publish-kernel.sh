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

usage() {
  sed -n '2,/^set -/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

directory='' catalog=$repo/services/kerneld/catalog.json key='' description='' name=''
while [ $# -gt 0 ]; do
  case $1 in
    --directory | --catalog | --key | --description)
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
[[ $name =~ ^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$ ]] || usage
for program in tar zstd jq curl ${key:+minisign}; do
  command -v "$program" >/dev/null || die "there is no '$program'; run scripts/setup"
done

base=${BASE_URL:?is not set: where the world finds what is uploaded}
base=${base%/}
[[ $base =~ ^https://|^http://(127\.[0-9.]+|localhost|\[::1\])(:|/|$) ]] || die "BASE_URL '$base' is not https"
if [ -z "$directory" ]; then
  : "${RCLONE_REMOTE:?is not set, and no --directory is given}" "${RCLONE_BUCKET:?is not set}"
  command -v rclone >/dev/null || die "there is no 'rclone'; run scripts/setup"
else
  [ -d "$directory" ] || die "'$directory' is no directory"
fi
jq -e '.version >= 1 and (.entries | type == "array")' "$catalog" >/dev/null || die "'$catalog' is no catalog"

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

# The same kernel gives the same bytes, whenever and by whomever it is packed.
pack() {
  local members=(vmlinux)
  local tar=(tar --create --sort=name --format=gnu --mtime=@0 --owner=0 --group=0 --numeric-owner "--mode=u=rwX,go=rX")
  jq --sort-keys '{arch, distro, kernel_version}' "$kernel/manifest.json" >"$work/metadata.json"
  [ -f "$kernel/initrd.img" ] && members+=(initrd.img)
  [ -d "$kernel/modules" ] && members+=(modules)
  # 16 MiB of window is what clients have to hold in memory.
  "${tar[@]}" -C "$work" metadata.json -C "$kernel" "${members[@]}" |
    zstd -q "-${ZSTD_CLEVEL:-19}" --long=24 -T0 -o "$work/kernel.tar.zst"
}

upload() { # FILE AS
  if [ -n "$directory" ]; then
    install -m 0644 "$1" "$directory/.$2.new" && mv "$directory/.$2.new" "$directory/$2"
  else
    rclone copyto "$1" "$RCLONE_REMOTE:$RCLONE_BUCKET/$2"
  fi
}

# Over the way that clients take, with the size that they will be told.
check() { # URL SIZE
  local length
  length=$(curl --fail --silent --show-error --head --retry 3 --max-time 60 "$1" |
    tr -d '\r' | sed -n 's/^[Cc]ontent-[Ll]ength: *//p' | tail -n 1) ||
    die "uploaded, but '$1' cannot be fetched; the catalog is as it was"
  [ "$length" = "$2" ] || die "'$1' has ${length:-no known number of} bytes instead of $2; the catalog is as it was"
}

say "packing '$name'"
pack
sha256=$(sha256sum "$work/kernel.tar.zst" | cut -d' ' -f1)
size=$(stat -c %s "$work/kernel.tar.zst")
file=$name-${sha256:0:16}.tar.zst
say "uploading $file ($size bytes)"
upload "$work/kernel.tar.zst" "$file"
check "$base/$file" "$size"

jq --arg name "$name" --arg url "$base/$file" --arg sha256 "$sha256" --argjson size "$size" \
  --arg description "$description" --slurpfile kernel "$kernel/manifest.json" '
  (.entries | map(select(.name == $name)) | first) as $old
  | ($kernel[0] | {name: $name, distro, arch, kernel_version,
      tarball_url: $url, tarball_sha256: $sha256, size_bytes: $size,
      description: (if $description != "" then $description else $old.description // "" end)}) as $new
  | if $old == $new then . else .version += 1
    | .entries = ((.entries | map(select(.name != $name))) + [$new] | sort_by(.name)) end
  ' "$catalog" >"$work/catalog.json"
version=$(jq .version "$work/catalog.json")

if [ -n "$key" ]; then
  minisign -S -s "$key" -m "$work/catalog.json" -t "kernel catalog, version $version" >/dev/null ||
    die "minisign failed; the catalog is as it was"
  # Between the two files clients go on with their last good copy.
  upload "$work/catalog.json.minisig" catalog.json.minisig
  upload "$work/catalog.json" catalog.json
  install -m 0644 "$work/catalog.json.minisig" "$catalog.minisig"
else
  rm -f "$catalog.minisig" # it was over other bytes
fi
install -m 0644 "$work/catalog.json" "$catalog.new" && mv "$catalog.new" "$catalog"

say "'$name' is in $catalog (version $version) as $base/$file"
if [ -n "$key" ]; then
  say "published $base/catalog.json with its signature; hosts that configure it need nothing else"
else
  say "not signed: as it is, only a catalog that is built into banger can use it"
fi
say "next: banger kernel list --available; banger kernel pull $name; review and commit the catalog"
