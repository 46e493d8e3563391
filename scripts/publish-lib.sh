# How a file gets into a signed catalog: shared by publish-kernel.sh,
# publish-image.sh and release; not run by itself. Needs lib.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# usage: the comment at the head of the script
usage() {
  sed -n '2,/^set -/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

# parse_options OPTIONS -- ARGUMENTS: each --NAME VALUE of OPTIONS becomes the
# variable NAME, what remains the variable name.
parse_options() {
  local known=" "
  while [ "$1" != -- ]; do
    known+="--$1 "
    declare -g "$1="
    shift
  done
  shift
  name=''
  while [ $# -gt 0 ]; do
    if [[ $1 == -* ]]; then
      [[ $known == *" $1 "* && $# -ge 2 ]] || usage
      declare -g "${1#--}=$2"
      shift 2
    else
      [ -z "$name" ] || usage
      name=$1
      shift
    fi
  done
}

# Checks all that can be wrong before there is any work; sets base.
check_settings() { # PROGRAMS...
  local program
  for program in tar zstd jq curl ${key:+minisign} "$@"; do
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
}

# The same files give the same bytes, whenever and by whomever they are packed. 16 MiB of
# window is what clients have to hold in memory.
pack_tree() { # FILE TAR-ARGUMENTS...
  local file=$1
  shift
  tar --create --sort=name --format=gnu --mtime=@0 --owner=0 --group=0 --numeric-owner "--mode=u=rwX,go=rX" "$@" |
    zstd -q -f "-${ZSTD_CLEVEL:-19}" --long=24 -T0 -o "$file"
}

upload() { # FILE AS
  if [ -n "$directory" ]; then
    install -m 0644 "$1" "$directory/.$2.new" && mv "$directory/.$2.new" "$directory/$2"
  else
    rclone copyto "$1" "$RCLONE_REMOTE:$RCLONE_BUCKET/$2"
  fi
}

# Over the way that clients take, with the size that they will be told.
check_upload() { # URL SIZE
  local length
  length=$(curl --fail --silent --show-error --head --retry 3 --max-time 60 "$1" |
    tr -d '\r' | sed -n 's/^[Cc]ontent-[Ll]ength: *//p' | tail -n 1) ||
    die "uploaded, but '$1' cannot be fetched; the catalog is as it was"
  [ "$length" = "$2" ] || die "'$1' has ${length:-no known number of} bytes instead of $2; the catalog is as it was"
}

# Uploads FILE under a name of its content, which no cache can have already; sets
# url, sha256 and size.
publish_file() { # FILE
  sha256=$(sha256sum "$1" | cut -d' ' -f1)
  size=$(stat -c %s "$1")
  local as=$name-${sha256:0:16}.tar.zst
  url=$base/$as
  say "uploading $as ($size bytes)"
  upload "$1" "$as"
  check_upload "$url" "$size"
}

# Puts the entry of that name (JSON, in FILE) into a copy of the catalog, $work/catalog.json,
# one version higher when that changes anything; sets version. A description that is not
# given stays.
merge_entry() { # FILE
  jq --arg name "$name" --slurpfile new "$1" '
    (.entries | map(select(.name == $name)) | first) as $old
    | ($new[0] | if .description == "" then .description = ($old.description // "") else . end) as $entry
    | if $old == $entry then . else .version += 1
      | .entries = ((.entries | map(select(.name != $name))) + [$entry] | sort_by(.name)) end
    ' "$catalog" >"$work/catalog.json"
  version=$(jq .version "$work/catalog.json")
}

# That copy, which is a catalog of KIND, into $work/catalog.json.minisig.
sign_catalog() { # KIND
  minisign -S -s "$key" -m "$work/catalog.json" -t "$1 catalog, version $version" >/dev/null ||
    die "minisign failed; the catalog is as it was"
}

# Puts the entry (JSON, in FILE) into the catalog and signs it.
publish_entry() { # KIND FILE
  local kind=$1
  merge_entry "$2"
  if [ -n "$key" ]; then
    sign_catalog "$kind"
    # Between the two files clients go on with their last good copy.
    upload "$work/catalog.json.minisig" catalog.json.minisig
    upload "$work/catalog.json" catalog.json
    install -m 0644 "$work/catalog.json.minisig" "$catalog.minisig"
  else
    rm -f "$catalog.minisig" # it was over other bytes
  fi
  install -m 0644 "$work/catalog.json" "$catalog.new" && mv "$catalog.new" "$catalog"
  say "'$name' is in $catalog (version $version) as $url"
  if [ -n "$key" ]; then
    say "published $base/catalog.json with its signature; hosts that configure it need nothing else"
  else
    say "not signed: as it is, only a catalog that is built into banger can use it"
  fi
  say "next: banger $kind list --available; banger $kind pull $name; review and commit the catalog"
}
