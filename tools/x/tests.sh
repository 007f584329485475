# Tests, fuzzers, benchmarks.

TEST_MODEL=smollm2-135m-instruct
# Models for tests are kept outside the clone, so that a second clone fetches nothing.
test_home() { echo "${XC_TEST_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/xingcha/test-home}"; }

python_environment() {
  local stamp
  stamp=$DEPS/venv/.made-$(sha256sum tests/requirements.txt | cut -c1-16)
  [ -f "$stamp" ] && return 0
  step "测试用 Python 环境 / Python environment of the tests" make_environment
  touch "$stamp"
}
make_environment() {
  rm -rf "$DEPS/venv"
  python3 -m venv "$DEPS/venv"
  "$DEPS/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r tests/requirements.txt
}

test_models() {
  XINGCHA_HOME=$(test_home) has_model "$TEST_MODEL" ||
    XINGCHA_HOME=$(test_home) ./build/bin/xingcha pull "$TEST_MODEL"
}

do_test() {
  local label=(-L fast)
  if [ "${1:-}" = --all ]; then
    label=()
    shift
  fi
  do_setup
  # shellcheck disable=SC2046
  install_packages $(test_packages)
  do_build
  python_environment
  test_models
  say "测试 / tests"
  XC_TEST_HOME=$(test_home) XC_PYTHON=$DEPS/venv/bin/python \
    ctest --test-dir build --output-on-failure --no-tests=error "${label[@]}" "$@"
}

do_fuzz() {
  # shellcheck disable=SC2046
  install_packages $(fuzz_packages)
  local seconds=${1:-60} target
  [ -f build-fuzz/build.ninja ] || step "配置模糊测试 / configure the fuzzers" configure_product fuzz
  step "构建模糊测试 / build the fuzzers" ninja -C build-fuzz fuzzers
  for target in build-fuzz/fuzz/fuzz_*; do
    [ -x "$target" ] || continue
    local name corpus
    name=$(basename "$target")
    corpus=build-fuzz/corpus/$name
    mkdir -p "$corpus"
    step "$name $seconds s" "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
      "$corpus" "tests/fuzz/corpus/${name#fuzz_}"
  done
}

# do_bench [serving|overhead|scheduler|gateway|convert] OPTION…: without a word, the first two.
do_bench() {
  local script=bench/run.py only=()
  case "${1:-}" in
    serving | overhead)
      only=(--only "$1")
      shift
      ;;
    scheduler)
      script=bench/scheduler/run.py
      shift
      ;;
    convert)
      shift
      python_environment
      XC_DEPS=$DEPS "$DEPS/venv/bin/python" bench/convert/run.py "$@"
      return
      ;;
    gateway)
      shift
      # shellcheck disable=SC2046
      install_packages $(bench_packages)
      python3 bench/gateway/run.py "$@"
      return
      ;;
  esac
  # shellcheck disable=SC2046
  install_packages $(bench_packages)
  python_environment
  test_models
  XC_TEST_HOME=$(test_home) XC_DEPS=$DEPS CC=$CC CXX=$CXX "$DEPS/venv/bin/python" "$script" "${only[@]}" "$@"
}
