#!/bin/bash
# Installs the real servers that the tests speak with, on Debian and as root; elsewhere it says so and leaves things alone.
# No service is started: each test starts a private one on loopback.
set -euo pipefail

packages=(
  postfix dovecot-imapd dovecot-lmtpd opendkim opendkim-tools postgresql chromium swaks strace git make
  fonts-dejavu-core fonts-droid-fallback # Latin, Cyrillic, Arabic; Chinese, Japanese, Korean
)

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "peers: not on Debian as root, so nothing is installed (needed: ${packages[*]})"
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then missing+=("$package"); fi
done
if [ ${#missing[@]} = 0 ]; then
  echo "peers: all installed"
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
retry() {
  local wait
  for wait in 5 15 30 0; do
    "$@" && return 0
    [ "$wait" = 0 ] || { echo "peers: '$*' failed, again in $wait s" >&2; sleep "$wait"; }
  done
  return 1
}

# A policy of 101 keeps every package from starting its daemon; an existing policy is put back.
policy=/usr/sbin/policy-rc.d
kept=""
if [ -e "$policy" ]; then kept=$(mktemp); cp -p "$policy" "$kept"; fi
restore() { if [ -n "$kept" ]; then mv "$kept" "$policy"; else rm -f "$policy"; fi; }
trap restore EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"
# Debian's packaging makes a cluster that nobody needs here.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections

echo "peers: installing ${missing[*]}"
retry apt-get update -qq
retry apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" >/tmp/byleave-peers.log 2>&1 ||
  { tail -40 /tmp/byleave-peers.log >&2; exit 1; }
echo "peers: installed"
