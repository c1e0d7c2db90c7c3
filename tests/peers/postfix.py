"""A private Postfix: the strictest common mail server, with DSN, SMTPUTF8, CHUNKING and a queue that waits for us.

It accepts from loopback only, refuses bare line feeds (RFC 5321 2.3.8), and sends nothing outside the given
routes: a domain without one is refused with 5.1.2. Its master must be root; each part of it runs as the user postfix.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.peers.process import LOOPBACK, Peer, answers, free_port, run, wait_until
from tests.peers.require import need, need_root

_MASTER = """\
{host}:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

_OWN_QUEUES = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"),
)


class Postfix(Peer):
    """A running Postfix on `host`:`port`.

    `transports` maps a domain to a route in Postfix's words, `smtp:[127.0.0.1]:2525` or `lmtp:[127.0.0.1]:24`.
    `settings` are further lines of main.cf and win over ours. Deferred mail is tried again every few seconds.
    """

    name = "Postfix"
    as_nobody = False
    host = LOOPBACK

    def __init__(self, transports: Mapping[str, str], *, settings: Mapping[str, str] | None = None) -> None:
        super().__init__()
        need_root("Postfix")
        self._master = need("master", "postfix")
        self._postqueue = need("postqueue", "postfix")
        self.port = free_port()
        self.transports = dict(transports)
        self.settings = dict(settings or {})

    @property
    def configuration(self) -> Path:
        """The folder with main.cf and master.cf, for `postqueue -c` and its like."""
        return self.folder / "etc"

    def prepare(self) -> Sequence[str | Path]:
        """Write main.cf, master.cf and the queue's folders, as `postfix check` would in two seconds."""
        self.configuration.mkdir(exist_ok=True)
        main = "".join(f"{key} = {value}\n" for key, value in (self._main() | self.settings).items())
        (self.configuration / "main.cf").write_text(main)
        (self.configuration / "master.cf").write_text(_MASTER.format(host=self.host, port=self.port))
        queue, data = self.folder / "queue", self.folder / "data"
        queue.mkdir(exist_ok=True)
        (queue / "pid").mkdir(exist_ok=True)
        for folder in (data, *(queue / name for name in _OWN_QUEUES)):
            folder.mkdir(mode=0o700, exist_ok=True)
            shutil.chown(folder, "postfix")
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            (queue / name).mkdir(exist_ok=True)
            shutil.chown(queue / name, "postfix", "postdrop")
            (queue / name).chmod(mode)
        return [self._master, "-c", self.configuration, "-s"]

    def ready(self) -> bool:
        """Return whether the SMTP port answers."""
        return answers(self.port)

    def queue(self) -> list[dict[str, Any]]:
        """Return the mails that wait, as `postqueue -j` tells: queue_id, sender, recipients with their delay_reason."""
        listing = run([self._postqueue, "-c", self.configuration, "-j"])
        return [json.loads(line) for line in listing.splitlines() if line.strip()]

    def flush(self) -> None:
        """Try all waiting mail now, whatever the retry schedule says."""
        run([self._postqueue, "-c", self.configuration, "-f"])

    def wait_empty(self, *, seconds: float = 15.0) -> None:
        """Return when no mail waits any more; raise TimeoutError with the queue otherwise."""
        try:
            wait_until(lambda: not self.queue(), "Postfix's queue is empty", seconds=seconds)
        except TimeoutError as late:
            late.add_note(json.dumps(self.queue(), indent=1))
            raise

    def _main(self) -> dict[str, str]:
        routes = ", ".join(f"{{ {domain} = {route} }}" for domain, route in self.transports.items())
        return {
            "compatibility_level": "3.6",
            "queue_directory": str(self.folder / "queue"),
            "data_directory": str(self.folder / "data"),
            "maillog_file": str(self.log_file),
            "maillog_file_prefixes": "/tmp",
            "inet_interfaces": self.host,
            "inet_protocols": "ipv4",
            "myhostname": "mx.postfix.test",
            "myorigin": "postfix.test",
            "mydestination": "",
            "local_recipient_maps": "",
            "alias_maps": "",
            "alias_database": "",
            "mynetworks": "127.0.0.0/8",
            "relay_domains": " ".join(self.transports),
            "transport_maps": f"inline:{{ {routes} }}" if routes else "",
            "default_transport": "error:5.1.2 no route in this test",
            "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native",
            "smtpd_peername_lookup": "no",
            "smtpd_forbid_bare_newline": "reject",
            # Without this line loopback is exempt, and a test of bare line feeds would prove nothing.
            "smtpd_forbid_bare_newline_exclusions": "",
            "smtputf8_enable": "yes",
            "message_size_limit": "52428800",
            "minimal_backoff_time": "2s",
            "maximal_backoff_time": "4s",
            "queue_run_delay": "2s",
            "transport_retry_time": "1s",
            "in_flow_delay": "0s",
        }
