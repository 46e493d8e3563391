# Sourced by scripts/make-generic-kernel.sh, after lib.sh.
# shellcheck shell=bash

# missing_symbols FRAGMENT CONFIG: the lines of FRAGMENT that CONFIG does not have,
# as when a dependency is not met or a name is no longer one.
missing_symbols() {
  local line symbol
  while IFS= read -r line; do
    [[ $line =~ ^CONFIG_[A-Za-z0-9_]+= ]] || continue
    symbol=${line%%=*}
    case $line in
      *=n) if grep -q "^$symbol=" "$2"; then echo "$line"; fi ;;
      *) grep -qxF -- "$line" "$2" || echo "$line" ;;
    esac
  done <"$1"
}
