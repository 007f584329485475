# Fills .deps/ (or XC_DEPS): the pinned source of the model library, its build, the console.

pin() { sed -nE "s/^set\\($1 \"(.*)\"\\)/\\1/p" "$ROOT/cmake/pins.cmake"; }

fetch_llama() {
  local file digest
  file=$DEPS/dist/$(pin XC_LLAMA_FILE)
  digest=$(pin XC_LLAMA_SHA256)
  if [ -f "$file" ] && echo "$digest  $file" | sha256sum --check --status; then return 0; fi
  mkdir -p "$DEPS/dist"
  rm -f "$file"
  # pip reads a source archive's metadata while it downloads: a scratch folder keeps that apart.
  step "下载 llama.cpp 源码 / download llama.cpp" python3 -m pip download --no-deps \
    --no-binary :all: --disable-pip-version-check -d "$DEPS/dist" "$(pin XC_LLAMA_PACKAGE)"
}

# On or off by XC_CUDA, XC_CANN, XC_VULKAN, XC_MUSA.
backend_switches() {
  local name
  for name in CUDA CANN VULKAN MUSA; do
    local variable=XC_$name
    echo "-DGGML_$name=$([ "${!variable:-0}" = 1 ] && echo ON || echo OFF)"
  done
}

configure_llama() {
  # shellcheck disable=SC2046
  cmake -G Ninja -S "$DEPS/src/llama.cpp" -B "$DEPS/build-llama" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" \
    -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache \
    -DBUILD_SHARED_LIBS=ON -DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON \
    -DGGML_OPENMP=OFF -DGGML_CCACHE=OFF -DLLAMA_BUILD_COMMON=ON -DLLAMA_BUILD_MTMD=ON \
    -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
    -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_SUBPROCESS=OFF \
    -DMTMD_VIDEO=OFF -DLLAMA_ALL_WARNINGS=OFF \
    -DCMAKE_PROJECT_INCLUDE="$ROOT/cmake/ggml_kernels.cmake" -DXC_ROOT="$ROOT" $(backend_switches)
}

llama_key() {
  {
    pin XC_LLAMA_SHA256
    "$CXX" --version | head -n 1
    backend_switches
    declare -f configure_llama
    cat cmake/ggml_kernels.cmake src/engine/llama/kernels/*
  } | sha256sum | cut -c1-16
}

build_llama() {
  local stamp
  stamp=$DEPS/build-llama/.built-$(llama_key)
  [ -f "$stamp" ] && return 0
  step "校验并解包 / verify and unpack" cmake -DXC_DEPS="$DEPS" -P cmake/unpack.cmake
  step "配置模型库 / configure the model library" configure_llama
  step "构建模型库（首次约十分钟）/ build the model library (ten minutes once)" \
    ninja -C "$DEPS/build-llama"
  touch "$stamp"
}

console_key() {
  (cd console && find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -print0 |
    sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-16
}

npm_install() { (cd console && npm ci --no-audit --no-fund --loglevel=error); }
npm_build() { (cd console && npm run --silent build); }

build_console() {
  local stamp key
  key=$(console_key)
  stamp=console/node_modules/.xingcha-built-$key
  # Beside dist, not in it: every file of dist goes into the binary.
  [ -f "$stamp" ] && [ -f console/dist/index.html ] && return 0
  command -v npm >/dev/null || fail "缺少 npm / npm is missing"
  if [ ! -d console/node_modules ] ||
    [ console/package-lock.json -nt console/node_modules/.package-lock.json ]; then
    step "安装控制台依赖 / install console packages" npm_install
  fi
  step "构建控制台 / build the console" npm_build
  touch "$stamp"
}

do_setup() {
  read_package_lists
  # shellcheck disable=SC2046
  install_packages $(build_packages)
  CC=${CC:-clang-19} CXX=${CXX:-clang++-19}
  # One cache for every clone: paths below the clone are stored relative to it.
  export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1
  export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
  fetch_llama
  build_llama
  build_console
}
