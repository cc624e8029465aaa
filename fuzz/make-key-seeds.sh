#!/bin/sh
# Makes seeds/key of the keys that `consign-identity` is tested with: those that `gpg`, `sq` and we made,
# as octets, since few changes of armor get past its checksum.
set -eu
cd "$(dirname "$0")"
data=../crates/identity/tests/data
rm -rf seeds/key
mkdir -p seeds/key
for file in "$data"/*.asc; do
    name=$(basename "$file" .asc)
    case $name in
    # Nothing is in it but its header.
    github-no-keys) cp "$file" "seeds/key/$name" ;;
    # Refused at once.
    gpg-rsa.secret) ;;
    *) sq dearmor "$file" > "seeds/key/$name" 2>/dev/null ;;
    esac
done
