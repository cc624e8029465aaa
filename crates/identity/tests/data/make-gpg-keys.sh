#!/bin/sh
# Makes the keys `gpg-*` in this folder with GnuPG. Their dates are fixed; the keys are new each time.
set -eu
cd "$(dirname "$0")"
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT

made="--faked-system-time 20250101T000000"
later="--faked-system-time 20250201T000000"
gpg() { command gpg --quiet --no-tty --pinentry-mode loopback --passphrase "${pass-}" "$@" 2>/dev/null; }
new() { gpg --batch $made --quick-gen-key "$1 <$1@example.org>" "$2" "$3" "$4"; }
add() { gpg --batch $made --quick-add-key "$(fpr "$1")" "$2" "$3" "$4"; }
fpr() { gpg --list-keys --with-colons "$1" | awk -F: '$1 == "fpr" { print $10; exit }'; }
public() { gpg --armor --export "$1" > "gpg-$2.asc"; }
secret() { gpg --batch --armor --export-secret-keys "$1" > "gpg-$2.secret.asc"; }

# What people have: one key; the defaults, with an encryption subkey and an end; RSA.
new plain ed25519 sign never
public plain ed25519
secret plain ed25519
gpg --export plain > gpg-ed25519.pgp
new default future-default default 2y
public default default-expires
secret default default-expires
new rsa rsa2048 sign never
public rsa rsa
secret rsa rsa
gpg --armor --export plain rsa default > gpg-several.asc

# A signing subkey of a key that is itself of no use here; and with that key kept elsewhere.
new old rsa2048 cert never
add old ed25519 sign never
public old rsa-with-ed25519-subkey
secret old rsa-with-ed25519-subkey
gpg --batch --armor --export-secret-subkeys old > gpg-offline-primary.secret.asc

# Neither key may sign.
new certonly ed25519 cert never
add certonly ed25519 auth never
public certonly not-for-signing
secret certonly not-for-signing

# Revoked, by each reason that GnuPG offers.
for reason in 0:no-reason 1:compromised 2:superseded 3:retired; do
    name=${reason#*:}
    new "$name" ed25519 sign never
    printf 'y\n%s\n\ny\n' "${reason%%:*}" \
        | gpg $later --command-fd 0 --output "$GNUPGHOME/$name" --gen-revoke "$(fpr "$name")"
    gpg --batch --import "$GNUPGHOME/$name"
    public "$name" "revoked-$name"
done
secret superseded revoked-superseded

# One of two User IDs is revoked; a subkey is.
new uid1 ed25519 sign never
gpg --batch $made --quick-add-uid "$(fpr uid1)" "uid2 <uid2@example.org>"
gpg --batch $later --quick-revoke-uid "$(fpr uid1)" "uid1 <uid1@example.org>"
public uid2 one-user-id-revoked
new subkey ed25519 cert never
add subkey ed25519 sign never
printf 'key 1\nrevkey\ny\n3\n\ny\nsave\n' | gpg $later --command-fd 0 --edit-key "$(fpr subkey)"
public subkey subkey-retired

# Under a passphrase.
pass=secret new locked ed25519 sign never
pass=secret secret locked protected
