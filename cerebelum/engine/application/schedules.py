"""Schedules: put, looked at, paused, run by hand, and kept in step with what modules declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.schedules.coming import Dst
from cerebelum.engine.domain.schedules.schedule import Origin, ScheduleRow, ScheduleRun
from cerebelum.engine.domain.schedules.spec import ScheduleSpec

MOST_BACKFILLED = 1_000
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


class Schedules:
    """The use cases. Schedules are fired by the nodes that know their workflows; this class needs no node.

    Every method that names a schedule raises `ScheduleNotFound`, with similar names.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def put(
        self, name: str, workflow: Workflow, spec: ScheduleSpec, *, module: str = "", origin: Origin = "hand"
    ) -> ScheduleRow:
        """Add a schedule, or change the one of this name; return it as it is stored.

        A changed one keeps whether it is enabled, its progress and its last run. A rule that has changed goes on from now.

        Args:
            workflow: by its function, which is registered, or by name.
            spec: its `input` holds arguments by name; None: none.

        Raises:
            UnknownWorkflow: nobody ever registered this name; tells those that are known.
            ArgumentError, PayloadMismatch, PayloadNotEncodable: the input does not fit the workflow's arguments.
            InvalidSchedule: the name cannot be used.
        """
        raise NotImplementedError

    async def list(self) -> list[ScheduleRow]:
        """Return all schedules by name; `spec.input` in clear."""
        raise NotImplementedError

    async def get(self, name: str) -> ScheduleRow:
        """Return a schedule; `spec.input` in clear."""
        raise NotImplementedError

    async def pause(self, name: str, reason: str = "") -> ScheduleRow:
        """Fire no more until `resume`. Idempotent. What runs goes on; fires that are queued wait."""
        raise NotImplementedError

    async def resume(self, name: str) -> ScheduleRow:
        """Fire again, from now on: what was missed meanwhile stays missed. Idempotent."""
        raise NotImplementedError

    async def trigger(self, name: str) -> str:
        """Start an execution now, outside of the rule, also of a paused schedule; return its id.

        It starts beside what runs; later fires see it as one that runs.

        Raises:
            UnknownWorkflow: the workflow was removed.
        """
        raise NotImplementedError

    async def delete(self, name: str) -> None:
        """Remove a schedule and the record of its runs. Executions that it started go on."""
        raise NotImplementedError

    async def next_fires(self, name: str, count: int = 5) -> list[NextFire]:
        """Return the coming fires, also of a paused schedule."""
        raise NotImplementedError

    async def backfill(self, name: str, from_us: int, until_us: int, *, dry_run: bool = False) -> list[Backfilled]:
        """Start the fires from `from_us`, inclusive, until `until_us`, exclusive, which have not been run; oldest first.

        They start at once, side by side. No fire starts twice, whoever asks.

        Raises:
            BackfillTooLarge: the range holds more than 1,000 fires.
            UnknownWorkflow: the workflow was removed.
        """
        raise NotImplementedError

    async def runs(self, name: str, limit: int = 50) -> list[ScheduleRun]:
        """Return what its fires have led to, the newest fire first."""
        raise NotImplementedError

    async def sync(self, declarations: Mapping[str, Declaration], modules: Iterable[str]) -> Synced:
        """Bring the stored schedules in step with what these modules declare, by name.

        A schedule that one of them declared and does not any more is paused with the reason, and so is one whose workflow
        its module no longer has; declared again, it goes on. Schedules put by hand and those of other modules stay as they are.

        Raises:
            DefinitionError: as `put`, of any of them; the others are put all the same.
        """
        raise NotImplementedError
