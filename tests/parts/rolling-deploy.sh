#!/usr/bin/env bash
# Replaces the app behind an origin of warmfront, one target after the other, while requests go on:
#
#   KEY=$(cat /var/lib/warmfront/root.key) rolling-deploy.sh ORIGIN RESTART ADDRESS...
#
# RESTART is a program that is called with an address: it stops the app there, starts the new version
# and returns. ADMIN is where warmfront's control API is, if it is not http://127.0.0.1:9900.
set -euo pipefail

origin=$1 restart=$2
shift 2
targets=${ADMIN:-http://127.0.0.1:9900}/origins/$origin/targets

# The key comes from a file that is none: arguments are there for everybody to see.
api() {
  local answer
  answer=$(curl --silent --show-error --fail-with-body --max-time 10 \
    --header @<(echo "Authorization: Bearer $KEY") --header 'Content-Type: application/json' "$@") ||
    { echo "$answer" >&2; return 1; }
  echo "$answer"
}

# wait_for ADDRESS STATE
wait_for() {
  local target
  for ((waited = 0; waited < 1500; waited++)); do
    target=$(api "$targets/$1")
    [[ $(jq --raw-output .state <<<"$target") != "$2" ]] || return 0
    sleep 0.2
  done
  echo "$1 is not $2 after five minutes: $target" >&2
  return 1
}

for address in "$@"; do
  echo "$address: draining"
  api --request PUT --data '{"state":"draining"}' "$targets/$address" >/dev/null
  wait_for "$address" unused
  echo "$address: replacing"
  "$restart" "$address"
  api --data "{\"address\":\"$address\"}" "$targets" >/dev/null
  wait_for "$address" healthy
  echo "$address: healthy"
done
