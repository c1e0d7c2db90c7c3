"""A private Exim: a second mail server that is not Postfix, and laxer; it relays by SMTP to ports of ours.

It accepts from loopback only and sends nothing outside the given routes: a domain without one is refused with 550,
and a bounce to nowhere is thrown away. It runs without root. On Debian its package can't stand beside Postfix's, so
`.ci/peers.sh` unpacks the daemon into a folder of its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.peers.process import LOOPBACK, Peer, answers, free_port, hand_over, unprivileged, wait_until
from tests.peers.require import find, missing

UNPACKED: Final = Path("/opt/byleave-exim/usr/sbin/exim4")

_CONFIGURATION = """\
primary_hostname = mx.exim.test
exim_path = {program}
exim_user = {user}
exim_group = {group}
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
local_interfaces = {host}
daemon_smtp_ports = {port}
deliver_drop_privilege
never_users =
keep_environment =
tls_advertise_hosts =
host_lookup =
rfc1413_hosts =
queue_run_max = 1
{settings}
domainlist routed = {domains}
acl_smtp_rcpt = recipient
acl_smtp_data = accept

begin acl
recipient:
  accept domains = +routed
  deny message = no route in this test

begin routers
{routers}
nowhere:
  driver = redirect
  data = :blackhole:

begin transports
onward:
  driver = smtp
  allow_localhost

begin retry
* * F,1h,1s
"""

_ROUTER = """\
to_{number}:
  driver = manualroute
  domains = {domain}
  route_list = * {host}::{port} byname
  self = send
  transport = onward
  no_more
"""


def need_exim() -> Path:
    """Return the path of Exim, or skip the calling test; fail it where peers are required."""
    found = find("exim4") or find("exim") or (UNPACKED if UNPACKED.is_file() else None)
    if found is None:
        missing(f"Exim is neither on PATH nor at {UNPACKED} (Debian beside Postfix: .ci/peers.sh fetches it)")
    return found


class Exim(Peer):
    """A running Exim on `host`:`port`.

    `ports` maps a domain to a port on loopback. `settings` are further lines of the main part. Deferred mail is tried
    again every second.
    """

    name = "Exim"
    host = LOOPBACK

    def __init__(self, ports: Mapping[str, int], *, settings: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._program = need_exim()
        self.port = free_port()
        self.ports = dict(ports)
        self.settings = dict(settings or {})

    @property
    def log_file(self) -> Path:
        """Exim's main log; it gives each log a name of its own."""
        return self.folder / "mainlog"

    def prepare(self) -> Sequence[str | Path]:
        """Write the configuration and make the spool."""
        spool, file = self.folder / "spool", self.folder / "exim.conf"
        spool.mkdir(exist_ok=True)
        routers = (
            _ROUTER.format(number=number, domain=domain, host=self.host, port=port)
            for number, (domain, port) in enumerate(self.ports.items())
        )
        user, group = unprivileged()
        configuration = _CONFIGURATION.format(
            program=self._program,
            user=user,
            group=group,
            folder=self.folder,
            host=self.host,
            port=self.port,
            settings="".join(f"{key} = {value}\n" for key, value in self.settings.items()),
            domains=" : ".join(self.ports),
            routers="\n".join(routers),
        )
        file.write_text(configuration)
        hand_over(spool)
        return [self._program, "-C", file, "-bdf", "-q1s"]

    def ready(self) -> bool:
        """Return whether the SMTP port answers."""
        return answers(self.port)

    def queue(self) -> list[str]:
        """Return the numbers of the mails that wait."""
        return sorted(file.name.removesuffix("-H") for file in self.folder.glob("spool/input/**/*-H"))

    def wait_empty(self, *, seconds: float = 15.0) -> None:
        """Return when no mail waits any more; raise TimeoutError otherwise."""
        wait_until(lambda: not self.queue(), "Exim's queue is empty", seconds=seconds)
