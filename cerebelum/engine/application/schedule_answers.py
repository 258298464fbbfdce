"""What the use cases of schedules are told and give back."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.schedules.coming import Dst
from cerebelum.engine.domain.schedules.spec import ScheduleSpec

Workflow = WorkflowDefinition[..., Any] | str


class Declaration(Struct, frozen=True):
    """A schedule as a module declares it."""

    workflow: Workflow
    spec: ScheduleSpec
    module: str


class NextFire(Struct, frozen=True):
    """One fire to come.

    Attributes:
        fire_us: the instant, before jitter.
        local: the same on the schedule's wall clock, with its offset: "2026-03-29 03:00:00+02:00".
        dst: "gap": its wall time is skipped on that day; "first", "second": it comes twice, and this is that coming.
        note: one sentence about that, or "".
    """

    fire_us: int
    local: str
    dst: Dst = ""
    note: str = ""


class Backfilled(Struct, frozen=True):
    """What a backfill did, or with `dry_run` would do, with one fire.

    Attributes:
        existed: it had been run before, and was left as it is.
    """

    fire_us: int
    execution_id: str
    existed: bool = False


class Synced(Struct, frozen=True):
    """What `sync` changed, names of schedules by what happened to them."""

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    resumed: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
