#!/bin/sh
# Asks Jira who the token's owner is: GET /rest/api/2/myself. Needs curl 7.55 or newer.
#   GATEPASS_URL      the service: https://jira.example.com
#   GATEPASS_TOKEN    the token
#   GATEPASS_USER     its owner's name, for Basic; without it the token goes as Bearer
#   GATEPASS_CA_FILE  PEM of a private certificate authority; without it the machine's own ones count
set -eu
: "${GATEPASS_URL:?is not set}" "${GATEPASS_TOKEN:?is not set}"

if [ -n "${GATEPASS_USER-}" ]; then
    credentials="Basic $(printf %s "$GATEPASS_USER:$GATEPASS_TOKEN" | base64 | tr -d '\n')"
else
    credentials="Bearer $GATEPASS_TOKEN"
fi

# The header goes in through standard input: everyone on the machine can read a program's arguments.
reply=$(printf 'Authorization: %s\n' "$credentials" |
    curl --silent --show-error --proto =https --header @- --header 'Accept: application/json' \
        ${GATEPASS_CA_FILE:+--cacert "$GATEPASS_CA_FILE"} --write-out '\n%{http_code}' \
        "${GATEPASS_URL%/}/rest/api/2/myself")

status=${reply##*
}
body=${reply%?"$status"}
if [ "$status" != 200 ]; then
    echo "HTTP $status: $body" >&2
    exit 1
fi
printf '%s\n' "$body"
