#!/bin/sh
# mint.sh ENTRY USER: appends an entry to gatepass/tokens.yaml, and prints the secret, which is kept nowhere else:
#     sh mint.sh deploy ci-a-deploy | gh secret set DEPLOY_TOKEN
set -eu
minted=$(gatepass token mint)
field() { printf '%s\n' "$minted" | awk -v name="$1" '$1 == name { print $2 }'; }
printf '  - id: %s\n    sha256: %s\n    user: %s\n' "$1" "$(field sha256)" "$2" >> gatepass/tokens.yaml
field token
