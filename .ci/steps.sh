# Sourced by run and nightly: named steps with a time limit each, stopped at the first that fails.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
mkdir -p .ci/out
export CARGO_TERM_COLOR=never DEBIAN_FRONTEND=noninteractive
TARGET_DIR=${CARGO_TARGET_DIR:-target}
# Where searches begin that nobody has made yet.
FRESH=$((16#$(git rev-parse HEAD | cut -c1-8)))

wanted=("$@")
done_steps=()
current=

# step NAME LIMIT COMMAND..: LIMIT as `timeout` takes it. Left out if steps were named and not this.
step() {
  local name=$1 limit=$2
  shift 2
  is_wanted "$name" || return 0
  current=$name
  printf '\n=== %s: %s\n' "$name" "$*"
  local start=$SECONDS
  local code=0
  timeout --kill-after=15 "$limit" "$@" || code=$?
  done_steps+=("$(printf '%5d s  %s' $((SECONDS - start)) "$name")")
  if ((code == 124 || code == 137)); then
    echo "$name did not end within $limit"
  fi
  ((code == 0)) || exit 1
  current=
}

is_wanted() {
  ((${#wanted[@]} == 0)) && return 0
  local name
  for name in "${wanted[@]}"; do
    [[ $name == "$1" ]] && return 0
  done
  return 1
}

summary() {
  local code=$?
  printf '\n=== durations\n'
  ((${#done_steps[@]} == 0)) || printf '%s\n' "${done_steps[@]}"
  printf '%5d s  in all\n' "$SECONDS"
  if ((code != 0)); then
    echo "FAILED${current:+ at step: $current}"
  elif ((${#done_steps[@]} == 0)); then
    echo "FAILED: no step is called: ${wanted[*]}"
    exit 1
  else
    echo "passed"
  fi
}
trap summary EXIT
