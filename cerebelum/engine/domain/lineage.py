"""Where a forked execution comes from, and what follows from that for replaying the part it copied.

Rules:
- What the original's code was told and computed stays so: its randomness goes on, and ids that it made of its own are
  those of the execution that asked for them. From the fork point on, ids are the fork's own.
- Instants in the copied part stay; what was still to come there is put off by as much later as the fork was made.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Ancestor(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An execution that another was forked from.

    Attributes:
        version: its events up to here were copied.
        through: number of the newest command among them.
        asked: number of the newest command that its code asked for by then, recorded or not.
        late_us: how much later than the newest copied event the fork was made.
        anew: commands whose children were open, and begin anew as those of the fork.
    """

    id: str
    version: int
    through: int = 0
    asked: int = 0
    late_us: int = 0
    anew: tuple[int, ...] = ()


class ForkFacts(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the first event of a forked execution says of its origin.

    Attributes:
        at_us: when it was forked, by the store's clock.
        lineage: whose events it holds, the oldest first; forks may be forked.
        edits: what was changed in the copy: "charge.total (event 4)". No values: those are in the events.
        keeps_code: it runs on the code it was forked on, where a node may load that from its store.
    """

    at_us: int
    lineage: tuple[Ancestor, ...] = ()
    edits: tuple[str, ...] = ()
    keeps_code: bool = False


class Started(Protocol):
    """The first event of an execution."""

    @property
    def fork(self) -> ForkFacts | None:
        """None: it was not forked."""
        ...


def random_id(execution_id: str, started: Started | None) -> str:
    """Return the id that the execution's randomness is made of: the oldest ancestor's."""
    if started is None or started.fork is None or not started.fork.lineage:
        return execution_id
    return started.fork.lineage[0].id


def id_at(execution_id: str, started: Started | None, number: int) -> str:
    """Return the id of the execution that asked for command `number`, or began its child anew."""
    if started is None or started.fork is None:
        return execution_id
    lineage = started.fork.lineage
    owners = [*(ancestor.id for ancestor in lineage), execution_id]
    found = next((each.id for each in lineage if number <= each.through), execution_id)
    for place, ancestor in enumerate(lineage, start=1):
        if number in ancestor.anew:
            found = owners[place]
    return found


def put_off(started: Started | None, number: int, due_us: int) -> int:
    """Return when command `number`, due at `due_us` as its history says, is due in this execution."""
    if started is None or started.fork is None:
        return due_us
    return due_us + sum(ancestor.late_us for ancestor in started.fork.lineage if number <= ancestor.asked)


def lineage_at(execution_id: str, started: Started, version: int) -> tuple[str, tuple[Ancestor, ...]]:
    """Return whose event `version` is, and the ancestors of that execution: what a fork at `version` builds on."""
    lineage = started.fork.lineage if started.fork is not None else ()
    for place, ancestor in enumerate(lineage):
        if version <= ancestor.version:
            return ancestor.id, lineage[:place]
    return execution_id, lineage
