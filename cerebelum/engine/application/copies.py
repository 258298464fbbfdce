"""Where an imported copy came from: kept beside it as a blob under a name of its own, as are all bytes of a history."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain.copies import is_copy
from cerebelum.engine.domain.execution import ExecutionRow


class Origin(Struct, frozen=True, kw_only=True):
    """What is known of a copy's past.

    Attributes:
        execution_id: its id where it ran. Random numbers and ids of children are made of it, so a replay needs it.
        status: there, when it was exported.
        redacted: paths and rules of what was taken out of it.
        replay: what the exporter said of its replay, where something was taken out.
    """

    execution_id: str
    status: str = ""
    exported_at_us: int = 0
    redacted: tuple[str, ...] = ()
    replay: str = ""


def blob_of(row: ExecutionRow, origin: Origin) -> tuple[str, bytes]:
    """Return what is stored for a copy; the name holds when it was imported, so that no later one of this id reads it."""
    return _name(row), msgspec.json.encode(origin)


async def origin_of(engine: Engine, row: ExecutionRow) -> Origin | None:
    """Return where a copy came from; None for what ran here, and where it is not known."""
    if not is_copy(row):
        return None
    content = await engine.store.read_blob(_name(row))
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Origin)
    except msgspec.MsgspecError:
        return None


async def identity_of(engine: Engine, row: ExecutionRow) -> str:
    """Return the id that an execution's code knew itself by: its own, or the original's."""
    origin = await origin_of(engine, row)
    return row.id if origin is None else origin.execution_id


def _name(row: ExecutionRow) -> str:
    return f"copy/{row.id}/{row.inserted_at_us}"
