# Sourced by run and nightly: named steps with a time limit each, stopped at the first that fails. A script
# ends with `settle`.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
mkdir -p .ci/out
export CARGO_TERM_COLOR=never DEBIAN_FRONTEND=noninteractive
# Nobody looks into these programs with a debugger.
export CARGO_PROFILE_DEV_DEBUG=0
TARGET_DIR=${CARGO_TARGET_DIR:-target}
# Where searches begin that nobody has made yet.
FRESH=$((16#$(git rev-parse HEAD | cut -c1-8)))

wanted=("$@")
done_steps=()
running=()
current=

# step NAME LIMIT COMMAND..: LIMIT as `timeout` takes it. Left out if steps were named and not this.
step() {
  local name=$1 limit=$2
  shift 2
  is_wanted "$name" || return 0
  settle
  current=$name
  printf '\n=== %s: %s\n' "$name" "$*"
  local start=$SECONDS
  local code=0
  limited "$name" "$limit" "$@" || code=$?
  done_steps+=("$(printf '%5d s  %s' $((SECONDS - start)) "$name")")
  ((code == 0)) || exit 1
  current=
}

# beside NAME LIMIT COMMAND..: the same for what keeps one core busy and measures no time: two of them run
# at once. What they print is shown when the next step settles them, or the end.
beside() {
  local name=$1 limit=$2
  shift 2
  is_wanted "$name" || return 0
  while (($(jobs -rp | wc -l) >= 2)); do sleep 0.2; done
  running+=("$name")
  local file=.ci/out/step-$name
  printf '\n=== %s: %s\n' "$name" "$*" >"$file.log"
  (
    trap - EXIT
    code=0
    limited "$name" "$limit" "$@" || code=$?
    echo "$code $SECONDS" >"$file.end"
  ) >>"$file.log" 2>&1 &
  echo "$SECONDS" >"$file.begin"
}

# Waits for what runs beside, and shows it.
settle() {
  wait
  local name failed=
  for name in "${running[@]}"; do
    local file=.ci/out/step-$name code=1 end=$SECONDS
    cat "$file.log"
    [[ ! -e $file.end ]] || read -r code end <"$file.end"
    done_steps+=("$(printf '%5d s  %s (beside others)' $((end - $(<"$file.begin"))) "$name")")
    rm -f "$file".*
    ((code == 0)) || failed=${failed:-$name}
  done
  running=()
  [[ -z $failed ]] || { current=$failed && exit 1; }
}

limited() {
  local name=$1 limit=$2 code=0
  shift 2
  timeout --kill-after=15 "$limit" "$@" || code=$?
  if ((code == 124 || code == 137)); then
    echo "$name did not end within $limit"
  fi
  return "$code"
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
