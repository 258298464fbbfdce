"""The text of a commit: one statement for a whole batch, and so one round trip and one transaction.

Rules that the text keeps:
- R1: `moved` is the update that locks and moves each row under owner, epoch and expected version (`Guards.r1`). All that
  belongs to an execution is inserted only if `moved` (or `started`, for a new one) returned its id.
- Rows are locked in id order: arrays come sorted, and the plan is a nested loop over them. A batch that also wakes other
  executions locks all its rows first, in one order (`locked`); a deadlock that happens all the same is tried again.
- A release must see a message that was posted meanwhile. All parts see the snapshot taken when the statement began: if
  it then waits for a row that `post` holds, the inbox it sees is the one before that post. But the row it updates is
  read anew after the wait, and every post makes a new version of that row. So a row that is not at the place (`ctid`)
  where the snapshot saw it got a message, and is due at once.
- An update that waits for a row evaluates its condition anew (PostgreSQL's EvalPlanQual), and then must not refer to
  another part that writes: such a reference is made in a part of its own before (`aimed`, `taken`).
- An execution that ends leaves no message, also none whose post it waited for (I12). The statement's snapshot does not
  show that one; `forget_messages`, a function of the schema, takes a snapshot of its own after the rows are locked.
- Message ids ascend in the order in which they become visible to an owner: they are drawn under a lock of that owner
  (`turn`), which is taken after all row locks and held to the end.

Parts that a batch does not need are left out, so that an idle execution's commit stays short; each combination is
prepared once by the driver.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from cerebelum.adapters.stores.postgres.tables import (
    APPENDS,
    BLOBS,
    CONSUMED,
    EVENTS,
    LOG_COLUMNS,
    LOGS,
    MESSAGES,
    MOVED,
    START_COLUMNS,
    STARTS,
    Numbers,
    Same,
)
from cerebelum.adapters.stores.rows import MADE_KEY

OPEN: Final = "status IN ('pending', 'running', 'waiting', 'paused')"
ENDED: Final = "status IN ('completed', 'failed', 'cancelled')"
NOW: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
NOW_ONCE: Final = f"now AS MATERIALIZED (SELECT {NOW} AS us)"
_NOW_US: Final = "(SELECT us FROM now)"
# The owner is compared in a way that no index helps: its index would be a bad way to the row, and looks like a good one.
_R1: Final = "e.owner || '' = b.owner AND e.epoch = b.epoch AND e.last_version = b.expected"
_FORGET: Final = f", forget_messages(ARRAY(SELECT id FROM moved WHERE {ENDED}))"
_OWNER_LOCK: Final = "pg_advisory_xact_lock(hashtextextended(o.owner, 4846232))"  # the seed is ours alone


class Guards(NamedTuple):
    """The conditions that races hang on: a seam for the tests that remove them."""

    r1: str = _R1
    posted_meanwhile: str = "e.ctid <> s.ctid"


GUARDS: Final = Guards()


class Shape(NamedTuple):
    """The parts that a batch needs."""

    appends: bool = False
    releases: bool = False
    consumed: bool = False
    ended: bool = False
    starts: bool = False
    events: bool = False
    messages: bool = False
    logs: bool = False
    blobs: bool = False
    same_in_appends: Same = ()
    same_in_starts: Same = ()


@lru_cache(maxsize=512)
def statement(shape: Shape, guards: Guards = GUARDS) -> str:
    """Return the statement for batches of this shape. Its row: moved count and ids, started count and ids."""
    numbers = Numbers()
    parts = [NOW_ONCE, _batch(numbers)]
    if shape.messages:
        parts.append(_locked(numbers))
    parts.append(_moved(numbers, shape, guards) if shape.appends else _none("moved", "id", "owner", "status"))
    if shape.consumed:
        parts += _consumed(numbers)
    parts.append(_started(numbers, shape.same_in_starts) if shape.starts else _none("started", "id"))
    parts.append("passed AS (SELECT id FROM moved UNION ALL SELECT id FROM started)")
    if shape.events:
        parts.append(_events(numbers))
    if shape.messages:
        parts += _messages(numbers)
    if shape.logs:
        parts.append(_logs(numbers))
    if shape.blobs:
        parts.append(_blobs(numbers))
    return (
        "WITH " + ",\n".join(parts) + "\nSELECT (SELECT count(*) FROM moved), (SELECT count(*) FROM started),"
        f" CASE WHEN (SELECT count(*) FROM passed) < {numbers.one('int')}"
        " THEN ARRAY(SELECT id FROM passed) END" + (_FORGET if shape.ended else "")
    )


def _none(name: str, *columns: str) -> str:
    return f"{name} AS (SELECT {', '.join(f'NULL::text AS {column}' for column in columns)} WHERE false)"


def _batch(numbers: Numbers) -> str:
    return (
        f"noted AS (INSERT INTO batches (writer, id, inserted_at_us, updated_at_us) "
        f"SELECT {numbers.one('text')}, {numbers.one('text')}, us, us FROM now "
        "ON CONFLICT (writer) DO UPDATE SET id = excluded.id, updated_at_us = excluded.updated_at_us)"
    )


def _locked(numbers: Numbers) -> str:
    return (
        "locked AS MATERIALIZED (SELECT count(*) AS n FROM ("
        f"SELECT id FROM executions WHERE id = ANY({numbers.one('text[]')}) ORDER BY id FOR UPDATE) AS l)"
    )


def _moved(numbers: Numbers, shape: Shape, guards: Guards) -> str:
    guard = guards.r1
    source = APPENDS.sql("b", numbers, shape.same_in_appends)
    wake = "b.wake_at_us"
    if shape.releases:
        source += " LEFT JOIN executions AS s ON s.id = b.id AND b.releases"
        wake = (
            f"CASE WHEN NOT b.releases THEN b.wake_at_us WHEN b.addressed OR {guards.posted_meanwhile} "
            "OR EXISTS (SELECT FROM messages AS m WHERE m.execution_id = b.id AND m.consumed_at_us IS NULL "
            f"AND m.id <> ALL({numbers.one('bigint[]')})) "
            f"THEN least(b.wake_at_us, {_NOW_US}) ELSE b.wake_at_us END"
        )
    if shape.messages:
        source = f"(SELECT n FROM locked) AS l CROSS JOIN {source}"
        guard += " AND l.n >= 0"  # so that the rows are locked before the first is moved
    changes = ", ".join(f"{name} = b.{name}" for name in MOVED)
    return (
        f"moved AS (UPDATE executions AS e SET {changes}, owner = b.new_owner, claims = 0, "
        f"wake_at_us = {wake}, updated_at_us = coalesce(b.updated_at_us, {_NOW_US}) "
        f"FROM {source} WHERE e.id = b.id AND {guard} RETURNING e.id, e.owner, e.status)"
    )


def _started(numbers: Numbers, same: Same) -> str:
    made = {name: f"s.{name}" for name, _ in START_COLUMNS}
    for name in ("inserted_at_us", "updated_at_us"):
        made[name] = f"coalesce(s.{name}, {_NOW_US})"
    source = STARTS.sql("s", numbers, same)
    return (
        f"started AS (INSERT INTO executions ({', '.join(made)}) SELECT {', '.join(made.values())} FROM {source} "
        f"WHERE NOT s.guarded OR {_among('s.source', 'moved')} ON CONFLICT (id) DO NOTHING RETURNING id)"
    )


def _events(numbers: Numbers) -> str:
    return (
        "recorded AS (INSERT INTO events (execution_id, version, type, data, at_us) "
        f"SELECT v.execution_id, v.version, v.type, v.data, coalesce(v.at_us, {_NOW_US}) "
        f"FROM {EVENTS.sql('v', numbers)} WHERE {_among('v.execution_id', 'passed')})"
    )


def _consumed(numbers: Numbers) -> list[str]:
    """Keys that a sender chose are kept: they are known as long as the execution lives."""
    taken = (
        f"taken AS MATERIALIZED (SELECT * FROM {CONSUMED.sql('c', numbers)} WHERE {_among('c.execution_id', 'moved')})"
    )
    same = "m.id = t.id AND m.execution_id = t.execution_id"
    made = f"starts_with(m.key, '{MADE_KEY}')"
    return [
        taken,
        f"dropped AS (DELETE FROM messages AS m USING taken AS t WHERE {same} AND {made})",
        (
            f"kept AS (UPDATE messages AS m SET consumed_at_us = {_NOW_US}, updated_at_us = {_NOW_US}, payload = t.reply "
            f"FROM taken AS t WHERE {same} AND NOT {made})"
        ),
    ]


def _messages(numbers: Numbers) -> list[str]:
    aimed = (
        f"aimed AS MATERIALIZED (SELECT t.id FROM (SELECT n FROM locked) AS l CROSS JOIN "
        f"unnest({numbers.one('text[]')}) AS t(id) WHERE l.n >= 0 AND NOT {_among('t.id', 'moved')})"
    )
    poked = (
        f"poked AS (UPDATE executions AS e SET wake_at_us = {WOKEN.format(now=_NOW_US)} "
        f"FROM aimed AS a WHERE e.id = a.id AND e.{OPEN} RETURNING e.id, e.owner)"
    )
    named = "execution_id, kind, name, payload, sender, key"
    return [
        aimed,
        poked,
        f"addressed AS (SELECT id, owner FROM poked UNION ALL SELECT id, owner FROM moved WHERE {OPEN})",
        turn("addressed"),
        (
            f"sent AS (INSERT INTO messages ({named}, at_us, inserted_at_us, updated_at_us) "
            f"SELECT {', '.join(f'm.{name}' for name in named.split(', '))}, {', '.join([_NOW_US] * 3)} "
            f"FROM (SELECT n FROM turn) AS l CROSS JOIN {MESSAGES.sql('m', numbers)} "
            f"WHERE l.n >= 0 AND {_among('m.execution_id', 'addressed')} "
            f"AND (m.free OR {_among('m.source', 'passed')}) ON CONFLICT (execution_id, key) DO NOTHING)"
        ),
    ]


# Always an update, though often of nothing: a release that waits for the row sees by it that there was a message.
WOKEN: Final = "CASE WHEN e.owner IS NULL THEN least(e.wake_at_us, {now}) ELSE e.wake_at_us END"


def turn(rows: str) -> str:
    """Return the part that waits for the turn of each owner in `rows` to draw message ids."""
    owners = f"SELECT DISTINCT owner FROM {rows} WHERE owner IS NOT NULL ORDER BY owner"
    return f"turn AS MATERIALIZED (SELECT count({_OWNER_LOCK}) AS n FROM ({owners}) AS o)"


def _logs(numbers: Numbers) -> str:
    named = [name for name, _ in LOG_COLUMNS]
    return (
        f"logged AS (INSERT INTO logs ({', '.join(named)}) SELECT {', '.join(f'l.{name}' for name in named)} "
        f"FROM {LOGS.sql('l', numbers)} WHERE l.free OR {_among('l.execution_id', 'passed')})"
    )


def _blobs(numbers: Numbers) -> str:
    return (
        "stored AS (INSERT INTO blobs (digest, content, inserted_at_us, updated_at_us) "
        f"SELECT x.digest, x.content, us, us FROM now CROSS JOIN {BLOBS.sql('x', numbers)} "
        "ON CONFLICT (digest) DO NOTHING)"
    )


def _among(value: str, rows: str) -> str:
    """Return a condition that looks `value` up in a hash table: as a join it would be a nested loop, n times n."""
    return f"({value} IN (SELECT id FROM {rows})) IS TRUE"
