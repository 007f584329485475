# What ./x prints: one line a step, the log of a long step on failure.

say() { printf '\033[1m▸ %s\033[0m\n' "$*" >&2; }
fail() {
  printf '✗ %s\n' "$*" >&2
  exit 1
}

# step NAME COMMAND…: runs with its output in a log; on a terminal the last line is shown live.
step() {
  local name=$1 log
  shift
  mkdir -p "$DEPS/log"
  log="$DEPS/log/$(printf '%s' "$name" | tr -c 'A-Za-z0-9\n' '-').log"
  say "$name"
  local started=$SECONDS
  if [ -t 2 ]; then
    "$@" 2>&1 | tee "$log" | while IFS= read -r line; do
      printf '\r\033[K  %.100s' "$line" >&2
    done || { step_failed "$log"; }
    printf '\r\033[K' >&2
  else
    "$@" >"$log" 2>&1 || step_failed "$log"
  fi
  [ $((SECONDS - started)) -lt 5 ] || printf '  %s s\n' $((SECONDS - started)) >&2
}

step_failed() {
  printf '\n' >&2
  tail -n 40 "$1" >&2
  fail "失败，完整日志 / failed, whole log: $1"
}
