# System packages, from the distribution with its ordinary client.

DEPS=${XC_DEPS:-$ROOT/.deps}
case "$DEPS" in /*) ;; *) DEPS=$ROOT/$DEPS ;; esac

boost_version() {
  if apt-cache show libboost1.81-dev >/dev/null 2>&1; then
    echo 1.81
  else
    echo 1.83 # Ubuntu 24.04
  fi
}

build_packages() {
  local boost
  boost=$(boost_version)
  echo "ca-certificates clang-19 lld-19 cmake ninja-build ccache pkg-config git python3 python3-pip
    python3-venv libboost$boost-dev libboost-json$boost-dev libboost-url$boost-dev libssl-dev
    zlib1g-dev libsqlite3-dev libsoci-dev libpq-dev libspdlog-dev libfmt-dev libcli11-dev
    libtomlplusplus-dev libcurl4-openssl-dev prometheus-cpp-dev libedit-dev libgtest-dev
    libgmock-dev libargon2-dev"
  have_node || echo "nodejs npm"
}
test_packages() { echo "postgresql chromium fonts-noto-cjk procps"; }
bench_packages() { echo "wrk nginx-light"; }
fuzz_packages() { echo "libclang-rt-19-dev"; }
profile_packages() { echo "libclang-rt-19-dev llvm-19"; }
format_packages() { echo "clang-format-19"; }

have_node() {
  local major
  major=$(node --version 2>/dev/null | sed -E 's/v([0-9]+).*/\1/')
  [ -n "$major" ] && [ "$major" -ge 18 ] && command -v npm >/dev/null
}

missing_packages() {
  local p
  for p in "$@"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || echo "$p"
  done
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "需要 root 或 sudo 安装软件包 / root or sudo is needed to install packages: $*"
  fi
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 "$@"
}

# install_packages NAME…: only what is missing; apt's lists are read once.
install_packages() {
  command -v apt-get >/dev/null || fail "只支持 Debian 12 与 Ubuntu 24.04 / Debian 12 or Ubuntu 24.04 needed"
  local missing
  missing=$(missing_packages "$@")
  [ -z "$missing" ] && return 0
  # shellcheck disable=SC2086
  step "安装软件包 / install packages" apt_install $missing
}

read_package_lists() {
  [ -n "$(find /var/lib/apt/lists -name '*_Packages*' -mtime -7 2>/dev/null | head -n 1)" ] && return 0
  step "读取软件包列表 / read package lists" as_root apt-get update
}
