#!/bin/bash
# Installs the real servers that the tests speak with, on Debian and as root; elsewhere it says so and leaves things alone.
# No service is started: each test starts a private one on loopback.
set -euo pipefail

packages=(
  postfix dovecot-imapd dovecot-lmtpd dovecot-sieve opendkim opendkim-tools postgresql chromium swaks strace git make
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
# Debian's Exim can't be installed beside Postfix, so its daemon is unpacked into a folder of its own.
exim=/opt/byleave-exim
has_exim() { [ -x "$exim/usr/sbin/exim4" ] && getent passwd Debian-exim >/dev/null; }
if [ ${#missing[@]} = 0 ] && has_exim; then
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

echo "peers: installing ${missing[*]}$(has_exim || echo ' exim4-daemon-light')"
retry apt-get update -qq
get() {
  retry apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >/tmp/byleave-peers.log 2>&1 ||
    { tail -40 /tmp/byleave-peers.log >&2; exit 1; }
}
if [ ${#missing[@]} != 0 ]; then get "${missing[@]}"; fi
if ! has_exim; then
  mapfile -t libraries < <(apt-cache depends exim4-daemon-light | sed -n 's/^ .Depends: \(lib.*\)/\1/p')
  get --no-upgrade "${libraries[@]}"
  fetched=$(mktemp -d)
  cd "$fetched"
  retry apt-get download -qq -o APT::Sandbox::User=root exim4-daemon-light
  dpkg -x exim4-daemon-light_*.deb "$fetched/exim"
  chmod u-s "$fetched/exim/usr/sbin/exim4" # it needs no root, and nobody would renew it
  rm -rf "$exim"
  mv "$fetched/exim" "$exim"
  rm -r "$fetched"
  # Exim looks this name up when it starts, whoever it runs as.
  getent passwd Debian-exim >/dev/null ||
    useradd --system --user-group --no-create-home --home-dir /var/spool/exim4 --shell /usr/sbin/nologin Debian-exim
fi
echo "peers: installed"
