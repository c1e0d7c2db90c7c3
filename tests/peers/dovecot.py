"""A private Dovecot: IMAP with IDLE and MOVE, in clear and by TLS, and the LMTP server that others are compared with.

Any user name with the one password has a mailbox. Runs as an unprivileged user; keeps Maildirs below its own folder.
"""

import contextlib
import imaplib
import re
import shutil
import smtplib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.peers.process import LOOPBACK, Peer, answers, free_port, hand_over, run, unprivileged, wait_until
from tests.peers.require import missing, need

_CONF = """\
protocols = imap lmtp
listen = {host}
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
first_valid_uid = 0
mail_location = maildir:{folder}/mail/%u
recipient_delimiter = +
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u allow_all_users=yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
}}
"""


_SIEVE = """\
submission_host = {host}:{port}
protocol lmtp {{
  mail_plugins = sieve
}}
plugin {{
  sieve_before = {script}
  sieve_extensions = +vacation-seconds
  sieve_vacation_min_period = 0
  sieve_vacation_send_from_recipient = yes
  sieve_vacation_dont_check_recipient = yes
}}
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """One mail in a mailbox; `raw` is what IMAP gives: the trace lines of the delivery first, then the letter."""

    uid: int
    flags: frozenset[str]
    raw: bytes


class Dovecot(Peer):
    """A running Dovecot: `host`, `imap_port`, `imaps_port`, `lmtp_port`; `ca_file` is who vouches for its TLS."""

    name = "Dovecot"
    host = LOOPBACK
    password = "pw"

    def __init__(self, *, sieve: str = "", submission_port: int = 0) -> None:
        """Take a Sieve script that every mailbox obeys, and the SMTP port that its answers go to."""
        super().__init__()
        self._sieve, self._submission_port = sieve, submission_port
        if sieve and not list(Path("/usr/lib/dovecot/modules").glob("*sieve_plugin.so")):
            missing("Dovecot's Sieve is not installed (Debian: apt-get install dovecot-sieve)")
        self._dovecot = need("dovecot", "dovecot-imapd")
        self._doveadm = need("doveadm", "dovecot-imapd")
        if not Path("/usr/lib/dovecot/lmtp").exists():
            missing("Dovecot's LMTP is not installed (Debian: apt-get install dovecot-lmtpd)")
        self.imap_port, self.imaps_port, self.lmtp_port = free_port(), free_port(), free_port()

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed ours, in PEM, for an `ssl` context."""
        return self.folder / "ca.pem"

    @property
    def configuration(self) -> Path:
        """The file for `doveadm -c`."""
        return self.folder / "conf"

    def prepare(self) -> Sequence[str | Path]:
        """Write the configuration and a certificate for 127.0.0.1 and localhost."""
        user, group = unprivileged()
        if not self.ca_file.exists():
            self._certify()
        for name in ("run", "state", "mail"):
            (self.folder / name).mkdir(exist_ok=True)
            hand_over(self.folder / name)
        self.configuration.write_text(
            _CONF.format(
                host=self.host,
                folder=self.folder,
                user=user,
                group=group,
                password=self.password,
                imap_port=self.imap_port,
                imaps_port=self.imaps_port,
                lmtp_port=self.lmtp_port,
            )
            + self._answering()
        )
        return [self._dovecot, "-F", "-c", self.configuration]

    def _answering(self) -> str:
        if not self._sieve:
            return ""
        script = self.folder / "everybody.sieve"
        script.write_text(self._sieve)
        hand_over(script)
        return _SIEVE.format(host=self.host, script=script, port=self._submission_port)

    def ready(self) -> bool:
        """Return whether all three ports answer."""
        return all(answers(port) for port in (self.imap_port, self.imaps_port, self.lmtp_port))

    def deliver(self, raw: bytes, *recipients: str, sender: str = "") -> None:
        """Put a mail into mailboxes by LMTP; bytes pass unchanged. RFC 2033 4.2: one answer a recipient."""
        with smtplib.LMTP(self.host, self.lmtp_port, timeout=10) as lmtp:
            lmtp.sendmail(sender, list(recipients), raw)

    @contextlib.contextmanager
    def imap(self, user: str, folder: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """Open a session in clear with the folder selected."""
        session = imaplib.IMAP4(self.host, self.imap_port, timeout=10)
        try:
            session.login(user, self.password)
            session.select(folder)
            yield session
        finally:
            session.logout()

    def fetch(self, user: str, folder: str = "INBOX") -> list[Stored]:
        """Return all mails of a mailbox with their exact bytes; sets no flag."""
        with self.imap(user, folder) as session:
            _, answer = session.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[])")
        return [_stored(*part) for part in answer if isinstance(part, tuple)]

    def wait_for(self, user: str, count: int, *, folder: str = "INBOX", seconds: float = 15.0) -> list[Stored]:
        """Return the mailbox's mails as soon as there are `count` of them."""
        wait_until(lambda: len(self.fetch(user, folder)) >= count, f"{user} has {count} mails", seconds=seconds)
        return self.fetch(user, folder)

    def uid_validity(self, user: str) -> int:
        """Return UIDVALIDITY of the inbox. RFC 3501 2.3.1.1: another value makes every known UID void."""
        status = self.doveadm("mailbox", "status", "-u", user, "uidvalidity", "INBOX")
        return int(status.rpartition("=")[2])

    def renumber(self, user: str) -> int:
        """Give every mail of the inbox a new UID under a new UIDVALIDITY, which is returned; the mails stay.

        What a restored backup or a moved account does. Sessions that are open meanwhile are thrown out.
        """
        self.doveadm("kick", user, tolerate=True)
        later = max(self.uid_validity(user), int(time.time())) + 1
        box = self.folder / "mail" / user
        for record in [*box.glob("dovecot-uidlist*"), *box.glob("dovecot.index*"), *box.glob("dovecot-uidvalidity*")]:
            record.unlink()
        self.doveadm("mailbox", "update", "-u", user, "--uid-validity", str(later), "INBOX")
        return later

    def empty(self, user: str) -> None:
        """Forget a user's mailboxes altogether."""
        self.doveadm("kick", user, tolerate=True)
        shutil.rmtree(self.folder / "mail" / user, ignore_errors=True)

    def doveadm(self, *arguments: str, tolerate: bool = False) -> str:
        """Run a command of Dovecot's administrator; `tolerate` takes a refusal (nobody to kick) for an answer."""
        try:
            return run([self._doveadm, "-c", self.configuration, *arguments], as_nobody=True)
        except RuntimeError:
            if tolerate:
                return ""
            raise

    def _certify(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", self.host)
        authority.cert_pem.write_to_path(self.ca_file)
        certificate.private_key_pem.write_to_path(self.folder / "key.pem")
        for number, blob in enumerate(certificate.cert_chain_pems):
            blob.write_to_path(self.folder / "cert.pem", append=number > 0)
        hand_over(self.folder / "key.pem", self.folder / "cert.pem")


def _stored(description: bytes, raw: bytes) -> Stored:
    uid = re.search(rb"UID (\d+)", description)
    flags = re.search(rb"FLAGS \(([^)]*)\)", description)
    if uid is None or flags is None:
        raise ValueError(f"no UID or FLAGS in {description!r}")
    return Stored(int(uid[1]), frozenset(flags[1].decode().split()), raw)
