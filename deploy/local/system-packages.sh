#!/usr/bin/env bash
# 系统软件包 Programs that the project needs from the system.
# Usage: deploy/local/system-packages.sh run|test|images   (what they are needed for)
# Installs what is missing with apt when it may (root on Debian or Ubuntu); otherwise says what to install.
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }

java_is_new_enough() {
  local major
  major=$(java -version 2>&1 | sed -nE 's/.*version "(1\.)?([0-9]+).*/\2/p' | head -n1) || return 1
  [ -n "$major" ] && [ "$major" -ge 17 ]
}

noto_cjk_is_there() {
  compgen -G "/usr/share/fonts/*/noto/NotoSerifCJK*" >/dev/null || compgen -G "/usr/share/fonts/*/noto/NotoSansCJK*" >/dev/null ||
    { command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list 'Noto Sans CJK SC' 2>/dev/null)" ]; }
}

font_is_there() { compgen -G "/usr/share/fonts/truetype/$1" >/dev/null || { command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list "$2" 2>/dev/null)" ]; }; }

run_packages() {
  need pdfsig poppler-utils
  need certutil libnss3-tools
  need mvn maven
  noto_cjk_is_there || missing+=(fonts-noto-cjk)
  font_is_there "hanazono/HanaMinB.*" HanaMinB || missing+=(fonts-hanazono)
  font_is_there "babelstone/BabelStoneHan.*" "BabelStone Han" || missing+=(fonts-babelstone-han)
  font_is_there "tibetan/DDC_Uchen.*" "DDC Uchen" || missing+=(fonts-ddc-uchen)
  { [ ${#missing[@]} -gt 0 ] && [[ " ${missing[*]} " == *" maven "* ]]; } || java_is_new_enough || missing+=(default-jre-headless)
}

case "${1:-run}" in
  run) run_packages ;;
  test) run_packages; need fc-query fontconfig; command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || missing+=(chromium) ;;
  images) need debootstrap debootstrap; need dockerd docker.io; need iptables iptables ;;
  *) echo "usage: $0 run|test|images" >&2; exit 2 ;;
esac

[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "缺少系统软件包 Missing system packages. 请安装 Install: sudo apt-get install ${missing[*]}" >&2
  echo "（其他系统请安装同名软件 on other systems, the packages that give the same programs）" >&2
  exit 1
fi
exec 9>"${TMPDIR:-/tmp}/tongban-apt.lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi
began=$SECONDS
echo "[apt] ${missing[*]} …"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() { apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}" >"$log" 2>&1; }
install || { apt-get update -q >"$log" 2>&1 && install; } || { tail -n 25 "$log" >&2; exit 1; }
echo "[apt] 完成 done in $((SECONDS - began)) s"
