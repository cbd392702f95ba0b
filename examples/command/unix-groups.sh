#!/usr/bin/env bash
# unix-groups.sh PREFIX: prints the Unix groups whose names begin with PREFIX, for the scanner `command`. Needs jq.
#
#     scanner: {type: command, command: [/usr/local/bin/unix-groups.sh, prj_]}
set -euo pipefail # a part of a pipe that fails is a failure of the whole: else half a list would look like all of it

fail() { # CODE TEXT
    echo "unix-groups.sh: $2" >&2
    exit "$1"
}
[ $# = 1 ] || fail 64 "usage: unix-groups.sh PREFIX"
command -v jq >/dev/null || fail 78 "jq is not installed: apt-get install jq"
groups=$(getent group) || fail 69 "getent group failed: the directory service does not answer"

# user_count leaves out those who have the group as their primary one: /etc/group does not list them
jq --raw-input --compact-output --arg prefix "$1" '
    split(":")
    | select(.[0] | startswith($prefix))
    | {
        backend_id: .[0],
        kind: "Unix group",
        attributes: {gid: (.[2] | tonumber)},
        user_count: (.[3] | split(",") | map(select(. != "")) | length)
      }' <<<"$groups"
echo '{"scan": {"version": 1, "complete": true}}' # also where no group was found: no output at all is an error
