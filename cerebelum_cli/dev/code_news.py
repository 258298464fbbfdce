"""What a reload came to, as lines: reloaded, an error once, fixed and after how long, who moved and who stays."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cerebelum.engine.application.reloading import FileOutcome, Reloaded
from cerebelum.engine.application.verdicts import Verdict
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_code import FlowImportFailed, FlowSyntaxError, excerpt
from cerebelum_cli.words import duration

if TYPE_CHECKING:
    from cerebelum_cli.dev.voice import Voice

_MOST_KEPT = 5  # are told one by one


class _Broken(Struct):
    message: str
    since_s: float  # of the monotonic clock
    times: int = 1


class CodeNews:
    """See the module docstring.

    Attributes:
        kept: the executions that the last reloads left on older code, by id, with the reason.
    """

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._broken: dict[Path, _Broken] = {}
        self.kept: dict[str, Verdict] = {}

    def tell(self, outcomes: Iterable[FileOutcome], *, at_start: bool = False) -> None:
        """Tell what came of a reload, or of loading all files; of files that loaded at the start there is nothing to say."""
        failed: dict[str, list[FileOutcome]] = {}
        for outcome in outcomes:
            if outcome.error is not None:
                failed.setdefault(str(outcome.error), []).append(outcome)
            elif outcome.reloaded is not None and not outcome.reloaded.restart:
                self._loaded(outcome, outcome.reloaded, at_start=at_start)
        for together in failed.values():
            self._failed(together)

    def _loaded(self, outcome: FileOutcome, reloaded: Reloaded, *, at_start: bool) -> None:
        broken = self._broken.pop(outcome.path, None)
        took = duration(reloaded.duration_us)
        facts = {
            "file": outcome.shown, "workflows": list(outcome.workflows), "version": outcome.serving,
            "changed": list(reloaded.changed), "removed": list(reloaded.removed), "only_layout": reloaded.only_layout,
            "moved": reloaded.moved, "kept": sum(verdict.outcome == "kept" for verdict in reloaded.verdicts),
            "failed": sum(verdict.outcome == "failed" for verdict in reloaded.verdicts), "unchecked": reloaded.unchecked,
            "verdicts": [_as_facts(verdict) for verdict in reloaded.verdicts],
            "duration_ms": reloaded.duration_us / 1000,
        }  # fmt: skip
        for verdict in reloaded.verdicts:
            self.kept.pop(verdict.execution_id, None)
        stay = [verdict for verdict in reloaded.verdicts if verdict.outcome in ("kept", "failed")]
        self.kept.update({verdict.execution_id: verdict for verdict in stay})
        if not outcome.path.exists() and not outcome.workflows:
            self._removed(outcome, reloaded, stay, facts)
        elif broken is not None:
            seconds = time.monotonic() - broken.since_s
            told = _joined(outcome.shown, took, f"(broken {duration(round(seconds * 1e6))})", _in_flight(reloaded))
            self._voice.tell("fixed", told, _kept_lines(stay), broken_ms=seconds * 1000, **facts)
        elif not at_start or stay:
            told = _joined(outcome.shown, took, _what_changed(reloaded), _in_flight(reloaded))
            self._voice.tell("reloaded", told, _kept_lines(stay), **facts)

    def _removed(self, outcome: FileOutcome, reloaded: Reloaded, stay: list[Verdict], facts: dict[str, object]) -> None:
        names = ", ".join(reloaded.removed)
        told = _joined(outcome.shown, f"no new starts of {names}" if names else "", _in_flight(reloaded))
        self._voice.tell("removed", told, _kept_lines(stay), **facts)

    def _failed(self, together: Sequence[FileOutcome]) -> None:
        error = together[0].error
        assert error is not None
        first = together[0]
        before = [broken for outcome in together if (broken := self._broken.get(outcome.path)) is not None]
        again = len(before) == len(together) and all(broken.message == str(error) for broken in before)
        for outcome in together:
            known = self._broken.get(outcome.path)
            since_s = time.monotonic() if known is None else known.since_s
            times = known.times + 1 if known is not None and again else 1
            self._broken[outcome.path] = _Broken(str(error), since_s, times)
        serving = f"still serving @{first.serving[:4]}" if first.serving else "nothing of it serves yet"
        facts: dict[str, Any] = {
            "file": first.shown, "files": [outcome.shown for outcome in together], "code": error.code,
            "message": str(error), "line": getattr(error, "line_number", None), "serving": first.serving,
            "times": self._broken[first.path].times,
        }  # fmt: skip
        place, more = _told(error, first.shown)
        if again:
            self._voice.tell("error", _joined(place, f"the same, {facts['times']} times now"), **facts)
            return
        others = [outcome.shown for outcome in together if outcome.shown != place.partition(":")[0]]
        if others:
            more = [*more, f"keeps from loading: {', '.join(others)}"]
        self._voice.tell("error", _joined(place, serving), more, **facts)


def _told(error: CerebelumError, shown: str) -> tuple[str, list[str]]:
    """Return the place of an error, and the lines below it: one line of code, and what to do."""
    if isinstance(error, FlowSyntaxError):
        column = None if error.column is None else error.column - 1
        frame = excerpt(error.line_number, error.line, caret_column=column).rstrip()
        return f"{error.path}:{error.line_number}", [f"{frame} {error.reason}"]
    notes = list(getattr(error, "__notes__", ()))
    lines = [*str(error).split("\n"), *notes]
    if isinstance(error, FlowImportFailed):
        return f"{error.path}:{error.line_number}", [f"{error.error}  [{error.code}]", *lines[1:]]
    return shown, [f"{lines[0]}  [{error.code}]", *lines[1:]]


def _joined(*texts: str) -> str:
    return "  ".join(text for text in texts if text)


def _what_changed(reloaded: Reloaded) -> str:
    if reloaded.only_layout:
        return "(no code changed)"
    return f"(gone: {', '.join(reloaded.removed)})" if reloaded.removed else ""


def _in_flight(reloaded: Reloaded) -> str:
    """Return `3 in flight: 2 moved, 1 kept on @3f2a (step order changed)`; "" where none is open."""
    looked_at = len(reloaded.verdicts) + reloaded.unchecked
    if not looked_at:
        return ""
    parts = [f"{reloaded.moved} moved"] if reloaded.moved else []
    kept = Counter((v.before[:4], v.reason) for v in reloaded.verdicts if v.outcome == "kept")
    parts += [f"{count} kept on @{on} ({reason})" for (on, reason), count in kept.most_common(3)]
    rest = sum(kept.values()) - sum(count for _, count in kept.most_common(3))
    parts += [f"{rest} more kept"] if rest else []
    failed = sum(verdict.outcome == "failed" for verdict in reloaded.verdicts)
    parts += [f"{failed} could not be checked"] if failed else []
    unchecked = reloaded.unchecked + sum(verdict.outcome == "unchecked" for verdict in reloaded.verdicts)
    parts += [f"{unchecked} are checked when they wake"] if unchecked else []
    return f" {looked_at} in flight: {', '.join(parts)}"


def _kept_lines(stay: Sequence[Verdict]) -> list[str]:
    """Return a line for each execution that stays on older code, with what can be done about it."""
    lines = []
    for verdict in stay[:_MOST_KEPT]:
        if verdict.outcome == "failed":
            lines.append(
                f"{verdict.execution_id}  {verdict.workflow}: {verdict.reason or verdict.detail.partition(chr(10))[0]}"
            )
        else:
            lines.append(
                f"{verdict.execution_id}  finishes on @{verdict.before[:4]}, or: "
                f"cerebelum cancel {verdict.execution_id}, cerebelum fork {verdict.execution_id} --at STEP --code current"
            )
    if len(stay) > _MOST_KEPT:
        lines.append(f"… {len(stay) - _MOST_KEPT} more")
    return lines


def _as_facts(verdict: Verdict) -> dict[str, str]:
    return {
        "id": verdict.execution_id, "workflow": verdict.workflow, "outcome": verdict.outcome,
        "before": verdict.before, "now": verdict.now, "reason": verdict.reason, "detail": verdict.detail,
    }  # fmt: skip
