"""Two executions side by side, as lines and as an object. Values are masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cerebelum.engine.application.diff_words import KIND_MARKS, pair_name, pair_numbers, side_value
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.masking import mask_text
from cerebelum_cli.shapes import of_event
from cerebelum_cli.streams import out
from cerebelum_cli.words import duration, shown, versioned

if TYPE_CHECKING:
    from cerebelum.engine.application.diffing import ExecutionDiff, StepTimes
    from cerebelum.engine.domain.aligning import Pair, ValueChange
    from cerebelum.engine.domain.events import RecordedEvent
    from cerebelum.engine.domain.execution import ExecutionRow

_MOST_CODE_LINES = 200


def print_diff(found: ExecutionDiff, *, whole: bool) -> None:
    """Print the comparison: the shared part as one line, then each event that differs."""
    for mark, row in (("-", found.first), ("+", found.second)):
        out(f"{mark} {row.id}  {_safe(versioned(row.workflow, row.code))}  {row.status}{_took(row)}")
    if found.shared:
        out(f"  the first {found.shared} events are copies: one was forked there")
    if found.same:
        out("  no event differs")
    else:
        pair = found.pairs[found.first_divergence or 0]
        out(f"  they first differ at {pair_numbers(pair)} {pair.type}{_named(found, pair)}")
    for pair in found.pairs:
        if whole or pair.kind != "same":
            _print_pair(found, pair)
    _print_times(found)
    if found.code_note:
        out(f"  code: {_safe(found.code_note)}")
    lines = found.code.split("\n") if found.code else []
    for line in lines[:_MOST_CODE_LINES]:
        out(visible(mask_text(line), keep_newlines=False))
    if len(lines) > _MOST_CODE_LINES:
        out(f"  … {len(lines) - _MOST_CODE_LINES} more lines of code: -o json has them all")


def _print_pair(found: ExecutionDiff, pair: Pair) -> None:
    out(f"{KIND_MARKS[pair.kind]} {pair_numbers(pair):>7}  {pair.type}{_named(found, pair)}")
    for change in pair.changes:
        before, after = (
            shown(side_value(change, side), limit=80) if bytes(side) else "nothing" for side in _sides(change)
        )
        out(f"            {_safe(change.path)}: {before} → {after}")


def _sides(change: ValueChange) -> tuple[msgspec.Raw, msgspec.Raw]:
    return change.before, change.after


def _named(found: ExecutionDiff, pair: Pair) -> str:
    name = pair_name(found, pair)
    return f"  {_safe(name)}" if name else ""


def _print_times(found: ExecutionDiff) -> None:
    differ = [each for each in found.steps if each.first_us != each.second_us]
    if differ:
        out("  times")
        for each in differ:
            out(
                f"    {each.number:>3} {_safe(each.name):<16} {_or_none(each.first_us):>8} → {_or_none(each.second_us)}"
            )


def _or_none(took_us: int | None) -> str:
    return "·" if took_us is None else duration(took_us)


def _took(row: ExecutionRow) -> str:
    if row.started_at_us is None or row.completed_at_us is None:
        return ""
    return f"  in {duration(row.completed_at_us - row.started_at_us)}"


def of_diff(found: ExecutionDiff, *, whole: bool) -> dict[str, Any]:
    """Return the comparison as an object."""
    return {
        "schema": "cerebelum.diff/1",
        "first": _of_side(found.first, found.states[0].code),
        "second": _of_side(found.second, found.states[1].code),
        "same": found.same,
        "shared_events": found.shared,
        "first_divergence": None if found.same else _of_pair(found, found.pairs[found.first_divergence or 0]),
        "events": [_of_pair(found, pair) for pair in found.pairs if whole or pair.kind != "same"],
        "steps": [_of_times(each) for each in found.steps],
        "code": mask_text(found.code),
        "code_note": found.code_note,
    }


def _of_side(row: ExecutionRow, code: str) -> dict[str, Any]:
    return {"id": row.id, "workflow": row.workflow, "code": code, "status": row.status, "version": row.last_version}


def _of_pair(found: ExecutionDiff, pair: Pair) -> dict[str, Any]:
    return {
        "kind": pair.kind,
        "type": pair.type,
        "first": _of_recorded(found.first.id, pair.first),
        "second": _of_recorded(found.second.id, pair.second),
        "changes": [
            {
                "path": change.path,
                "before": side_value(change, change.before),
                "after": side_value(change, change.after),
            }
            for change in pair.changes
        ],
    }


def _of_recorded(execution_id: str, recorded: RecordedEvent | None) -> dict[str, Any] | None:
    return None if recorded is None else of_event(execution_id, recorded)


def _of_times(each: StepTimes) -> dict[str, Any]:
    return {
        "number": each.number,
        "step": each.name,
        "first_ms": None if each.first_us is None else each.first_us / 1000,
        "second_ms": None if each.second_us is None else each.second_us / 1000,
    }


def _safe(text: str) -> str:
    return visible(text, keep_newlines=False)
