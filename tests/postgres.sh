#!/usr/bin/env bash
# A private PostgreSQL for tests: postgres.sh start FOLDER PID makes one in FOLDER (which must not
# exist yet) that listens on a Unix socket there and nowhere else. It ends, and FOLDER goes, soon
# after process PID is gone. restart FOLDER: stops it at once and starts it again. stop FOLDER: it
# stays down until restart. The server refuses root, so root runs it as `nobody`.
set -euo pipefail

newest=$(find /usr/lib/postgresql -maxdepth 2 -name bin -type d 2>/dev/null | sort -V | tail -n 1)
export PATH=${newest:+$newest:}$PATH
command -v initdb >/dev/null && command -v pg_ctl >/dev/null || {
  echo "postgresql is not installed" >&2
  exit 77
}

run() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME="$folder" "$@"
  else
    "$@"
  fi
}
start_server() {
  run pg_ctl -s -w -t 60 -D "$folder/data" -l "$folder/log" -o "-c listen_addresses='' \
    -c unix_socket_directories='$folder' -c fsync=off -c autovacuum=off -c shared_buffers=16MB -c max_connections=100" \
    start </dev/null >/dev/null
}
stop_server() { run pg_ctl -s -w -m immediate -D "$folder/data" stop </dev/null >/dev/null; }
watch() {
  cd /
  while kill -0 "$pid" 2>/dev/null; do sleep 1; done
  stop_server || true
  rm -rf "$folder"
}

verb=$1 folder=$2 pid=${3:-}
cd /
case "$verb" in
  start)
    mkdir -m 0755 "$folder"
    if [ "$(id -u)" = 0 ]; then chown nobody:nogroup "$folder"; fi
    run initdb -D "$folder/data" -U xingcha -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$folder/initdb.log" 2>&1 \
      </dev/null || { cat "$folder/initdb.log" >&2; exit 1; }
    start_server || { cat "$folder/log" >&2; exit 1; }
    watch </dev/null >/dev/null 2>&1 &
    ;;
  restart)
    stop_server || true
    start_server
    ;;
  stop) stop_server ;;
  *) exit 2 ;;
esac
