#!/usr/bin/env bash
# make_mini_tar.sh OUT.tar [BUSYBOX]: the root file system of the image 'mini',
# from the host's busybox-static and the etc/ beside this script. Equal inputs
# give equal bytes. It has no init: banger's agent is one.
set -euo pipefail
out=$1
busybox=${2:-/bin/busybox}
here=$(cd "$(dirname "$0")" && pwd)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
chmod 0755 "$root"
cd "$root"
mkdir -p bin sbin usr/bin usr/sbin usr/lib dev etc home mnt opt proc root run srv sys tmp var/log var/tmp
chmod 0700 root
chmod 1777 tmp var/tmp
ln -s ../run var/run
cp "$here"/etc/* etc/
ln -s ../etc/os-release usr/lib/os-release
chmod 0640 etc/shadow
cp "$busybox" bin/busybox
chmod 0755 bin/busybox
"$busybox" --list-full | while read -r applet; do
  case $applet in
    sbin/init | linuxrc | bin/busybox) ;;
    *) ln -s /bin/busybox "$applet" ;;
  esac
done

# Times are those of the recipe, not of the build.
tar --create --format=gnu --sort=name --mtime=@1767225600 --owner=0 --group=0 --numeric-owner \
  --file "$out.tmp" .
mv "$out.tmp" "$out"
