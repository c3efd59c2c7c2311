#!/bin/sh
# A program as a user would write it; the value says how it fares.
case "$3" in
good) [ "$#" = 3 ] && [ "$2" = _acme-challenge.example.com ] && ! read -r line ;;
bad) printf 'no such\nzone\033[1m' >&2; exit 3 ;;
loud) head -c 200000 /dev/zero | tr '\0' 'x' >&2; echo ' the end' >&2; exit 1 ;;
late) echo 'still at it' >&2; exec sleep 600 ;;
# What it leaves behind holds its error output open.
leaves) sleep 10 & exit 0 ;;
esac
