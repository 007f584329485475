# Builds the program and starts it.

DEFAULT_MODEL=qwen2.5-coder-1.5b-instruct

configure_product() {
  cmake --preset "$1" -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" -DXC_DEPS="$DEPS"
}

do_build() {
  [ -f build/build.ninja ] || step "配置 / configure" configure_product release
  step "构建 / build" ninja -C build "$@"
}

# The model is on this machine, in the home in use.
has_model() { ./build/bin/xingcha list --names | grep -qx -- "$1"; }

do_run() {
  do_setup
  do_build xingcha xingcha-llama
  local model=${XINGCHA_MODEL:-$DEFAULT_MODEL}
  has_model "$model" || ./build/bin/xingcha pull "$model"
  exec ./build/bin/xingcha serve "$@"
}

do_fmt() {
  # shellcheck disable=SC2046
  install_packages $(format_packages)
  git ls-files 'src/*.cc' 'src/*.h' 'tests/*.cc' 'bench/*.cc' | xargs clang-format-19 -i
}

do_package() {
  step "打包 / package" cmake --install build --prefix build/package
  tar -C build -czf "build/xingcha-$(uname -m).tar.gz" package
  say "build/xingcha-$(uname -m).tar.gz"
}

# Makes cmake/gateway.profdata anew: a build that counts, some seconds of work, what it counted.
do_profile() {
  # shellcheck disable=SC2046
  install_packages $(profile_packages)
  step "配置 / configure" cmake --preset release -B build-profile -DCMAKE_C_COMPILER="$CC" \
    -DCMAKE_CXX_COMPILER="$CXX" -DXC_DEPS="$DEPS" -DXC_PROFILE=make -DXC_BUILD_TESTS=OFF
  step "构建 / build" ninja -C build-profile gateway_door gateway_mock
  rm -f build-profile/counts-*
  LLVM_PROFILE_FILE=$ROOT/build-profile/counts-%p step "训练 / train" python3 bench/gateway/train.py build-profile/bench
  llvm-profdata-19 merge --sparse -o cmake/gateway.profdata build-profile/counts-*
  say "cmake/gateway.profdata"
}
