# Sourced by scripts/make-generic-kernel.sh, after lib.sh.
# shellcheck shell=bash

# pinned_fingerprints FILE: the first words of its lines.
pinned_fingerprints() { sed -E -n 's/^([0-9A-F]{40})( .*)?$/\1/p' "$1"; }

# verify_signature KEYS SIGNATURE DATA FINGERPRINT...
#
# Succeeds when SIGNATURE is one detached OpenPGP signature over DATA by a key whose
# primary key has one of the FINGERPRINTs; else says why not. KEYS is a file of public
# keys, trusted for nothing: a key in it that is not pinned is as good as none. The
# user's own keyrings, options and trust are not looked at.
#
# What counts is gpg's machine-readable word. GOODSIG alone says that some key of KEYS
# has signed. VALIDSIG names that key, but also when it is expired or revoked, which
# EXPKEYSIG and REVKEYSIG in place of GOODSIG say. So it takes both.
verify_signature() {
  local keys=$1 signature=$2 data=$3 home status
  shift 3
  [ -s "$keys" ] || { say "there are no keys in '$keys'"; return 1; }
  [ -s "$signature" ] || { say "there is no signature '$signature'"; return 1; }
  home=$(mktemp -d)
  status=$(
    gpg=(gpg --homedir "$home" --no-options --batch --quiet --no-autostart --no-auto-key-locate
      --no-auto-key-retrieve --no-auto-check-trustdb --trust-model always)
    "${gpg[@]}" --import "$keys" 2>/dev/null || true # that a key is there is seen below
    "${gpg[@]}" --status-fd 3 --verify "$signature" "$data" 3>&1 >/dev/null 2>&1
  ) || true
  rm -rf "$home"
  judge_signature "$status" "$(basename "$data")" "$@"
}

# judge_signature STATUS NAME FINGERPRINT...: from what gpg wrote to --status-fd.
judge_signature() {
  local status=$1 name=$2 words good=0 validsig=()
  shift 2
  while read -r -a words; do
    [ "${words[0]:-}" = "[GNUPG:]" ] || continue
    case ${words[1]:-} in
      GOODSIG) good=$((good + 1)) ;;
      VALIDSIG) validsig=("${words[@]:2}") ;;
      BADSIG) say "'$name' is not what was signed"; return 1 ;;
      EXPSIG) say "the signature of '$name' has expired"; return 1 ;;
      EXPKEYSIG) say "'$name' is signed by a key that has expired: ${words[2]}"; return 1 ;;
      REVKEYSIG) say "'$name' is signed by a key that was revoked: ${words[2]}"; return 1 ;;
      ERRSIG) say "'$name' is signed by a key that is not there, or in a way that is not trusted: ${words[2]}"; return 1 ;;
    esac
  done <<<"$status"
  [ "$good" -eq 1 ] && [ ${#validsig[@]} -ge 10 ] || { say "'$name' has no valid signature"; return 1; }
  # SHA-256, -384, -512, -224: not the broken ones.
  [[ ${validsig[7]} =~ ^(8|9|10|11)$ ]] || { say "the signature of '$name' is over a weak hash"; return 1; }
  # A signature over data, not over a text, a key or a time.
  [ "${validsig[8]}" = 00 ] || { say "the signature of '$name' is of another kind"; return 1; }
  local primary=${validsig[9]} pinned
  for pinned in "$@"; do
    if [ "$primary" = "$pinned" ]; then return 0; fi
  done
  say "'$name' is signed by $primary, which is none of the pinned keys"
  return 1
}
