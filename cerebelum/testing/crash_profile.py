"""What two runs of a flow are compared by: how it ended, and which effects its steps recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from msgspec import Struct

from cerebelum.testing.execution import Execution, Step


class Profile(Struct, frozen=True):
    """One run.

    Attributes:
        end: "completed" or "failed …", for people.
        effects: by step name, each call that ended: (arguments, outcome), sorted.
        lines: by step name, where the workflow calls it.
    """

    end: str
    effects: Mapping[str, tuple[tuple[str, str], ...]]
    lines: Mapping[str, str]


class Loose(Struct, frozen=True):
    """What differs from run to run without any crash, and so cannot be compared.

    Attributes:
        end: the result itself does.
        outcomes: of these steps the results do.
        effects: of these steps the arguments do, too, or how often they are called.
    """

    end: bool = False
    outcomes: frozenset[str] = frozenset()
    effects: frozenset[str] = frozenset()

    def notes(self) -> list[str]:
        """Return a sentence for each thing that was not compared."""
        notes = ["the result differs from run to run without any crash: only how it ended is compared"] * self.end
        if self.outcomes:
            notes.append(f"not compared, since they differ without any crash: results of {_names(self.outcomes)}")
        if self.effects:
            notes.append(f"not compared, since they differ without any crash: calls of {_names(self.effects)}")
        return notes


class Mismatch(Struct, frozen=True):
    """What differs, as text: where, and both values."""

    what: str
    whole: str
    again: str


def profile_of(execution: Execution) -> Profile:
    """Return what of an ended execution is compared."""
    effects: dict[str, list[tuple[str, str]]] = defaultdict(list)
    lines: dict[str, str] = {}
    for step in execution.steps:
        lines.setdefault(step.name, step.line)
        if step.status in ("completed", "failed"):
            effects[step.name].append((_call(step), _outcome(step)))
    if execution.status == "completed":
        end = f"completed: {execution.result!r}"
    elif execution.error is not None:
        end = f"{execution.status}: {execution.error.name}: {execution.error.message}"
    else:
        end = f"{execution.status}: {execution.reason}"
    return Profile(end, {name: tuple(sorted(calls)) for name, calls in effects.items()}, lines)


def looseness(first: Profile, second: Profile) -> Loose:
    """Return in what two runs without a crash differ."""
    names = {name for name in (*first.effects, *second.effects) if first.effects.get(name) != second.effects.get(name)}
    calls = {name for name in names if _calls(first, name) != _calls(second, name)}
    return Loose(first.end != second.end, frozenset(names - calls), frozenset(calls))


def mismatch(whole: Profile, again: Profile, loose: Loose) -> Mismatch | None:
    """Return the first difference of a run with a crash from one without; the steps' come first: they explain it."""
    for name in dict.fromkeys((*whole.effects, *again.effects)):
        if name in loose.effects:
            continue
        place = f"step {name}, {whole.lines.get(name) or again.lines.get(name, '')}".rstrip(", ")
        if _calls(whole, name) != _calls(again, name):
            return Mismatch(f"calls of {place}", _listed(_calls(whole, name)), _listed(_calls(again, name)))
        if name not in loose.outcomes and whole.effects.get(name) != again.effects.get(name):
            pairs = zip(whole.effects[name], again.effects[name], strict=True)
            before, after = next((one, other) for one, other in pairs if one != other)
            return Mismatch(f"result of {place}", f"{name}{before[0]} {before[1]}", f"{name}{after[0]} {after[1]}")
    if loose.end:
        before_end, after_end = whole.end.partition(":")[0], again.end.partition(":")[0]
    else:
        before_end, after_end = whole.end, again.end
    return Mismatch("how it ends", whole.end, again.end) if before_end != after_end else None


def _calls(profile: Profile, name: str) -> tuple[str, ...]:
    return tuple(call for call, _ in profile.effects.get(name, ()))


def _call(step: Step) -> str:
    return f"({', '.join(f'{name}={value!r}' for name, value in step.args.items())})"


def _outcome(step: Step) -> str:
    if step.status == "completed":
        return f"→ {step.result!r}"
    return f"failed: {step.error.name}: {step.error.message}" if step.error is not None else "failed"


def _listed(calls: Iterable[str]) -> str:
    found = list(calls)
    shown = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
    return f"{len(found)}: {shown}" if found else "none"


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
