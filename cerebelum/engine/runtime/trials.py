"""Who is tried by itself after a process died, so that its neighbours do not pay for the one that ended it.

Rules:
- A claim counts against every execution of its batch: a dead process does not tell which of them ended it.
- Those that were claimed before without progress are suspects. The worst of them, or a quarter of equals, goes on trial;
  the count of all others is set back in the store before any code of the tried ones runs.
- A trial is over once each of them has made progress, or after a second. Its survivors are cleared, too. Then the others
  are claimed anew, one by one.
"""

from __future__ import annotations

import asyncio
import copy
import zlib
from collections.abc import Iterable, Sequence

from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import Append, Batch, Store
from cerebelum.engine.runtime.live import LiveExecution

_LOOKS, _LOOK_S = 50, 0.02
_PART = 4  # of equal suspects, every fourth


def on_trial(rows: Sequence[ExecutionRow]) -> list[ExecutionRow]:
    """Return those of a claim that are to be taken up now: all of them where nobody is suspect."""
    worst = max((row.claims for row in rows), default=0)
    if worst <= 1:
        return list(rows)
    suspects = [row for row in rows if row.claims == worst]
    suspects.sort(key=lambda row: zlib.crc32(f"{row.id}/{row.epoch}".encode()))  # another order at each claim
    return suspects[: -(-len(suspects) // _PART)]


async def spare(store: Store, owner: str, rows: Iterable[ExecutionRow]) -> None:
    """Set back the count of claims of executions that wait for the end of a trial. `owner` keeps them."""
    appends = [
        Append(row=copy.copy(row), expected_version=row.last_version, owner=owner, epoch=row.epoch, events=())
        for row in rows
    ]
    if appends:
        await store.commit(Batch(id=f"{owner}-spare/{appends[0].row.id}/{appends[0].epoch}", appends=appends))


async def outcome(tried: Sequence[LiveExecution]) -> None:
    """Return when the trial is over. The process may end before."""
    versions = {live.id: live.durable_version for live in tried}
    for _ in range(_LOOKS):
        if all(live.dropped or live.durable_version > versions[live.id] for live in tried):
            break
        await asyncio.sleep(_LOOK_S)
    for live in tried:
        live.mark()
