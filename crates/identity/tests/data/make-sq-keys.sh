#!/bin/sh
# Makes the keys `sq-*` in this folder with Sequoia's sq 0.27. Their dates are fixed; the keys are new
# each time. sq asks for passphrases on a terminal, which is what `script` gives it.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sq() { command sq --force "$@" 2>/dev/null; }

# The defaults: a primary key that certifies, and a subkey for each other use. With an end.
sq key generate --userid 'alice <alice@example.org>' --creation-time 20250101 \
    --export sq-default.secret.asc --rev-cert "$work/revocation"
sq key extract-cert --output sq-default.asc sq-default.secret.asc

# Under the passphrase `secret`.
printf 'secret\nsecret\n' | script --quiet --return --command \
    "sq --force key password --output sq-protected.secret.asc sq-default.secret.asc" /dev/null >/dev/null

# Revoked. sq gives a revocation alone, which belongs after the primary key.
revoke() {
    sq revoke certificate --time 20250201 --certificate sq-default.secret.asc "$@" > "$work/revocation"
    sq packet join --label cert "$work"/cert0-* "$work/revocation" "$work"/cert[1-9]-*
}
sq packet split --prefix "$work/cert" sq-default.asc
revoke superseded 'a new key' > sq-revoked-superseded.asc
revoke compromised 'a lost laptop' > sq-revoked-compromised.asc
