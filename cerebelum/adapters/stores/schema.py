"""The tables, as one SQLAlchemy model for both dialects: `tables("sqlite")`, `tables("postgresql")`.

Rules of this file:
- A column is named like the field of the port's struct that it holds. Instants are microseconds since the Unix epoch,
  UTC (`_us`); the views of `views.py` show them as timestamps.
- Payloads are JSON text in TEXT columns: JSON never holds a raw NUL, and both databases keep escapes as they are.
- The two dialects differ in one place. SQLite keeps events in `history`, keyed by the number of the execution's row, so
  that a random 41-byte id is not repeated in each event: 40 % faster commits and 15 % smaller files; its `events` is a
  view over it with the same columns as PostgreSQL's table, which is hash-partitioned by `execution_id`.
- No foreign keys: they would cost a lookup per event on the hot path. `commit` inserts an event only under its
  execution's row, and `delete_execution` removes all that belongs to it in one transaction.
- Secondary indexes are few, since each costs a write per commit: `ix_executions_due` serves claims (per workflow and
  priority, the earliest first), `ix_executions_owner` takeovers, the others lists and filters. None holds what each step
  changes (`current_step`, `updated_at_us`): so a step writes no index, and PostgreSQL updates the row in place (HOT).
  Lists by step read the open executions along `ix_executions_status`, since what has ended is at no step.
- Columns of a fixed width come first: PostgreSQL aligns them, and pads what stands before.

`messages.consumed_at_us`: a consumed message with a key of its sender's choice stays, with the reply to it in place of its payload, until its
execution ends, so that the key is known as long as the execution lives. `batches` holds the newest batches of each store
object that writes, in a ring: `writer` is a random name of the object and a place, 0 to 15.

`schedule_runs`: (schedule, fire time) is unique. It is the second fence behind `schedules.revision`: no fire runs twice.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from cerebelum.engine.domain.execution import STATUSES

Dialect = Literal["sqlite", "postgresql"]
PARTITION_COUNT = 64  # of events on PostgreSQL, by hash of execution_id

# SQLite needs INTEGER for a key that counts by itself; PostgreSQL needs 64 bits.
_BIG_ID = BigInteger().with_variant(Integer(), "sqlite")
# Ids are compared by bytes, whatever the database's language: several times faster on PostgreSQL, and the order of the
# client, which sends them sorted so that rows are locked in one order.
_ID = Text().with_variant(Text(collation="C"), "postgresql")


@cache
def tables(dialect: Dialect) -> MetaData:
    """Return the model as `dialect` holds it. The views are not part of it (`views.py`)."""
    metadata = MetaData()
    _executions(metadata, dialect)
    _events(metadata, dialect)
    _workflows(metadata)
    _messages(metadata)
    _logs(metadata)
    Table(
        "blobs",
        metadata,
        Column("digest", Text, primary_key=True),
        Column("content", LargeBinary, nullable=False),
        *_times(),
    )
    _nodes(metadata)
    _schedules(metadata)
    return metadata


def _times() -> tuple[Column[int], Column[int]]:
    return Column("inserted_at_us", BigInteger, nullable=False), Column("updated_at_us", BigInteger, nullable=False)


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=text(f"'{default}'"))


def _integer(name: str, default: int = 0, *, kind: type[Integer] = Integer) -> Column[int]:
    return Column(name, kind, nullable=False, server_default=text(str(default)))


def _partial(name: str, *columns: Any, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


def _executions(metadata: MetaData, dialect: Dialect) -> None:
    on_sqlite = dialect == "sqlite"
    number = (Column("n", Integer, primary_key=True),) if on_sqlite else ()  # what `history` refers to
    Table(
        "executions",
        metadata,
        *number,
        *_times(),
        Column("wake_at_us", BigInteger),
        Column("scheduled_at_us", BigInteger),
        Column("started_at_us", BigInteger),
        Column("completed_at_us", BigInteger),
        _integer("priority"),
        _integer("run", 1),
        _integer("last_version"),
        Column("checkpoint", Integer),
        _integer("epoch"),
        _integer("claims"),
        Column("id", _ID, nullable=False, primary_key=not on_sqlite, unique=True if on_sqlite else None),
        Column("workflow", Text, nullable=False),
        _text("code"),
        _text("status", "pending"),
        _text("queue", "default"),
        Column("current_step", Text),
        Column("error", Text),
        Column("parent", Text),
        Column("owner", Text),
        CheckConstraint(f"status IN ({', '.join(repr(status) for status in STATUSES)})", name="ck_executions_status"),
        _partial(
            "ix_executions_due", "workflow", "priority", "wake_at_us", where="owner IS NULL AND wake_at_us IS NOT NULL"
        ),
        _partial("ix_executions_owner", "owner", where="owner IS NOT NULL"),
        _partial("ix_executions_parent", "parent", where="parent IS NOT NULL"),
        Index("ix_executions_workflow", "workflow", "inserted_at_us"),
        Index("ix_executions_status", "status", "inserted_at_us"),
        _started_at_index(on_sqlite=on_sqlite),
        Index("ix_executions_inserted_at", "inserted_at_us"),
    )


def _started_at_index(*, on_sqlite: bool) -> Index:
    """Rows lie in the order they came, nearly that of their begin: on PostgreSQL a block's bounds find a range of time."""
    if on_sqlite:
        return Index("ix_executions_started_at", "started_at_us")
    settings = {"pages_per_range": 16, "autosummarize": "on"}
    return Index("ix_executions_started_at", "started_at_us", postgresql_using="brin", postgresql_with=settings)


def _events(metadata: MetaData, dialect: Dialect) -> None:
    at_us = Column("at_us", BigInteger, nullable=False)
    version = Column("version", Integer, nullable=False)  # 1, 2, 3 … without gaps
    texts = (Column("type", Text, nullable=False), Column("data", Text, nullable=False))
    if dialect == "sqlite":
        fields = (Column("execution", Integer, nullable=False), version, *texts, at_us)
        Table("history", metadata, *fields, PrimaryKeyConstraint("execution", "version"), sqlite_with_rowid=False)
    else:
        Table(
            "events",
            metadata,
            at_us,
            version,
            Column("execution_id", _ID, nullable=False),
            *texts,
            PrimaryKeyConstraint("execution_id", "version", name="pk_events"),
            postgresql_partition_by="HASH (execution_id)",
        )


def _workflows(metadata: MetaData) -> None:
    Table(
        "workflows",
        metadata,
        Column("workflow", Text, nullable=False),
        _integer("version", 1),
        Column("digest", Text, nullable=False),
        _text("module"),
        _text("entrypoint"),
        Column("source", Text),
        Column("graph", Text),
        *_times(),
        PrimaryKeyConstraint("workflow", "version", name="pk_workflows"),
    )


def _messages(metadata: MetaData) -> None:
    Table(
        "messages",
        metadata,
        Column("id", _BIG_ID, primary_key=True, autoincrement=True),
        Column("execution_id", _ID, nullable=False),
        Column("kind", Text, nullable=False),
        _text("name"),
        _text("payload", "null"),
        _text("sender"),
        Column("key", Text, nullable=False),
        Column("at_us", BigInteger, nullable=False),
        Column("consumed_at_us", BigInteger),
        *_times(),
        UniqueConstraint("execution_id", "key", name="uq_messages_key"),
        _partial("ix_messages_inbox", "id", where="consumed_at_us IS NULL"),
        sqlite_autoincrement=True,  # an id is never given twice: readers ask for "after id"
    )


def _logs(metadata: MetaData) -> None:
    Table(
        "logs",
        metadata,
        Column("id", _BIG_ID, primary_key=True, autoincrement=True),
        Column("execution_id", _ID, nullable=False),
        _integer("number"),
        _text("step"),
        _integer("attempt", 1),
        _text("level", "info"),
        Column("at_us", BigInteger, nullable=False),
        Column("message", Text, nullable=False),
        _text("metadata", "{}"),
        Index("ix_logs_execution", "execution_id", "id"),
        sqlite_autoincrement=True,
    )


def _nodes(metadata: MetaData) -> None:
    Table(
        "nodes",
        metadata,
        Column("nonce", Text, primary_key=True),
        _text("name"),
        _text("host"),
        _integer("pid"),
        Column("lease_until_us", BigInteger, nullable=False),
        Column("started_at_us", BigInteger, nullable=False),
        _text("workflows", "[]"),  # JSON array
        *_times(),
    )
    Table(
        "batches",
        metadata,
        Column("writer", Text, primary_key=True),
        Column("id", Text, nullable=False),
        *_times(),
    )


def _schedules(metadata: MetaData) -> None:
    Table(
        "schedules",
        metadata,
        Column("decided_until_us", BigInteger, nullable=False),
        Column("last_run_at_us", BigInteger),
        Column("next_run_at_us", BigInteger),
        Column("due_at_us", BigInteger),
        *_times(),
        _integer("enabled", 1),
        _integer("waiting"),
        _integer("revision", 1),
        Column("name", _ID, primary_key=True),
        _text("module"),
        Column("workflow", Text, nullable=False),
        Column("spec", Text, nullable=False),  # JSON
        _text("input", "{}"),
        _text("ran_ahead", "[]"),  # JSON array
        _text("paused_reason"),
        _text("paused_by"),
        _text("origin", "hand"),
        _partial("ix_schedules_due", "due_at_us", where="enabled = 1"),
    )
    Table(
        "schedule_runs",
        metadata,
        Column("fire_at_us", BigInteger, nullable=False),
        *_times(),
        _integer("is_open"),
        Column("schedule", _ID, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("execution_id", _ID),
        _text("reason"),
        PrimaryKeyConstraint("schedule", "fire_at_us", name="pk_schedule_runs"),
        _partial("ix_schedule_runs_open", "schedule", "fire_at_us", where="is_open = 1"),
        sqlite_with_rowid=False,
    )
