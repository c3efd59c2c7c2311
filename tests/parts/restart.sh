#!/usr/bin/env bash
# What `systemctl restart` is elsewhere: asks the test to put a new version at an address.
exec curl --silent --show-error --fail --max-time 60 --output /dev/null "$SUPERVISOR/$1"
