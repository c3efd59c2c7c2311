#!/usr/bin/env bash
# What `acme.dns.exec` names: `dns-hook.sh present|cleanup FQDN VALUE` tells the name server at $KNOT.
set -euo pipefail
case $1 in
  present) change="add $2. 60" ;;
  cleanup) change="del $2." ;;
  *) exit 2 ;;
esac
knsupdate -y "$KNOT_KEY" <<EOF
server $KNOT
zone example.test
$change TXT "$3"
send
EOF
