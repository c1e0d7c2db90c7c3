"""The tables of the ground floor. Mapped classes, no behaviour."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from kit.db import Base, BigKey, UtcDateTime


class WorkerBeatRow(Base):
    """A worker that is alive, or was: the row stays until none of its jobs is pending any more."""

    __tablename__ = "worker_beat"

    id: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    host: Mapped[str] = mapped_column(sa.String(255))
    pid: Mapped[int] = mapped_column(sa.Integer)
    #: the running kernel and the pid's namespace, and when the process began in it: together they tell whether the
    #: process is surely gone (``kit.processes``)
    place: Mapped[str] = mapped_column(sa.String(255), default="")
    began: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    #: the newest version of the database that the worker's code knows; empty for code from before it told
    schema_version: Mapped[str] = mapped_column(sa.String(10), default="", server_default="")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: by the database's clock, not the host's
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RetentionNoteRow(Base):
    """What the rules of retention did: how many were warned of or deleted, never what they were."""

    __tablename__ = "retention_note"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    rule: Mapped[str] = mapped_column(sa.String(40), index=True)
    #: "warned" or "cleared"
    act: Mapped[str] = mapped_column(sa.String(8))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: what is older than this was meant
    up_to: Mapped[datetime] = mapped_column(UtcDateTime)
    count: Mapped[int] = mapped_column(sa.Integer)


class InstallationRow(Base):
    """How far an installation's mark has come (:mod:`kit.mark`); one row for each folder ``var``."""

    __tablename__ = "installation"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    count: Mapped[int] = mapped_column(sa.BigInteger)
