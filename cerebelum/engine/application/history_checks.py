"""Replays of many executions on code that is about to replace theirs: which of them would go on. Nothing is written.

The verdict is the one that a node would come to when it takes the execution up with this code: the same replay.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import PurePath
from typing import Any, Literal

from msgspec import Struct

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.replay import check_execution
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors import CerebelumError, HistoryMismatch
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.domain.execution import OPEN, ExecutionRow
from cerebelum.engine.ports.store import ExecutionFilter

Verdict = Literal["fits", "moves", "diverges", "fails"]
Choose = Callable[[ExecutionRow], WorkflowDefinition[..., Any] | None]
_ROWS_PER_PAGE = 500


class HistoryCheck(Struct, frozen=True, kw_only=True):
    """One execution's history on the code at hand.

    Attributes:
        verdict: "fits": the code is the one it runs on; "moves": it fits other code, and will go on on it; "diverges":
            the code does something else than event `version` records; "fails": the replay could not be made.
        before, after: short digests of the code it runs on and of the code at hand.
        events: how many were applied.
        version: of the event where the ways part; 0 where they do not.
        recorded, now: what the history has there, and what the code asks for.
        recorded_line, now_line: where in the code, `file:line`; "" where it is not known.
        code: of the error that stands for this verdict; "" where the execution goes on.
        problem: why the replay could not be made.
    """

    execution_id: str
    workflow: str
    status: str
    verdict: Verdict
    before: str
    after: str
    events: int
    version: int = 0
    recorded: str = ""
    now: str = ""
    recorded_line: str = ""
    now_line: str = ""
    code: str = ""
    problem: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether the execution may go on on this code."""
        return self.verdict in ("fits", "moves")


async def check_history(engine: Engine, row: ExecutionRow, definition: WorkflowDefinition[..., Any]) -> HistoryCheck:
    """Replay one execution on `definition`, whose `code` must be its digest."""
    found: dict[str, Any] = {"verdict": "fits" if row.code == definition.code else "moves", "events": row.last_version}
    try:
        report = await check_execution(engine, row.id, definition=definition)
    except HistoryMismatch as error:
        found = {
            "verdict": "diverges", "code": error.code, "events": error.version - 1, "version": error.version,
            "recorded": error.recorded, "now": error.requested,
            "recorded_line": error.recorded_line, "now_line": error.requested_line,
        }  # fmt: skip
    except CerebelumError as error:
        found = {"verdict": "fails", "code": error.code, "events": 0, "problem": str(error)}
        if isinstance(error, ActivationBlocked):
            found["now_line"] = _short(error.line)
    except Exception as error:  # code that a history leads astray may raise anything
        found = {"verdict": "fails", "code": "CB002", "events": 0, "problem": f"{type(error).__name__}: {error}"}
    else:
        found["events"] = report.events
        if report.stuck and report.outcome in ("open", "different"):
            found |= {
                "verdict": "fails",
                "code": "CB503",
                "problem": report.stuck,
                "now_line": _short(report.stuck_line),
            }
        elif not report.fits:
            found |= {"verdict": "diverges", "code": "CB402", "version": report.events}
            found |= {"recorded": report.recorded, "now": report.replayed}
    return HistoryCheck(
        execution_id=row.id, workflow=row.workflow, status=row.status, before=row.code, after=definition.code, **found
    )


def _short(line: str) -> str:
    """Return a place without its folders, as histories have it."""
    return PurePath(line).name


async def check_histories(
    engine: Engine,
    choose: Choose,
    *,
    ended: bool = False,
    last: int | None = None,
    skipped: dict[str, int] | None = None,
) -> AsyncIterator[HistoryCheck]:
    """Replay the executions of a store, newest first.

    Args:
        choose: the code to replay an execution on; None leaves it out.
        ended: those that have ended, too.
        last: only so many of those that are not left out, the newest.
        skipped: workflow -> how many executions were left out; filled while this goes on.
    """
    checked = 0
    before: tuple[int, str] | None = None
    while last is None or checked < last:
        page = await engine.store.list_executions(
            ExecutionFilter(statuses=() if ended else OPEN, before=before, limit=_ROWS_PER_PAGE)
        )
        for row in page:
            definition = choose(row)
            if definition is None:
                if skipped is not None:
                    skipped[row.workflow] = skipped.get(row.workflow, 0) + 1
                continue
            if row.last_version:  # what is only announced has no history yet
                yield await check_history(engine, row, definition)
            checked += 1
            if checked == last:
                return
        if len(page) < _ROWS_PER_PAGE:
            return
        before = (page[-1].inserted_at_us, page[-1].id)


def by_name(definitions: Mapping[str, WorkflowDefinition[..., Any]]) -> Choose:
    """Return a choice by the workflow's name alone."""
    return lambda row: definitions.get(row.workflow)
