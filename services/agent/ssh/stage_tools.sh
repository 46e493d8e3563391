#!/usr/bin/env bash
# stage_tools.sh DIR FILE...: DIR with exactly those programs and libraries, the
# libraries that they need, and the dynamic loader as ld.so.
set -euo pipefail
out=$1
shift
rm -rf "$out.new"
mkdir -p "$out.new"
for file; do
  install -m 0755 "$file" "$out.new/"
  ldd "$file" | while read -r name arrow path _; do
    if [ "$arrow" = '=>' ]; then
      install -m 0755 "$path" "$out.new/$name"
    elif [ "${name#/}" != "$name" ]; then
      install -m 0755 "$name" "$out.new/ld.so"
    fi
  done
done
[ -e "$out.new/ld.so" ]
rm -rf "$out"
mv "$out.new" "$out"
