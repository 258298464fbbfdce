"""What the writes of one branch come to, and of several together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from cerebelum.engine.domain.context import MISSING, Context, Op, apply, is_number
from cerebelum.engine.domain.errors_context import ContextConflict

_SHOWN_CHARS = 80


class _KeyWrites(Struct):
    """All writes of a branch to one key."""

    plain: Op | None = None  # its newest put or delete, with what was added since
    init: Op | None = None
    added: list[Op] = field(default_factory=list)  # appends and increments; none where `plain` is given

    def take(self, op: Op) -> None:
        if op.kind in ("put", "delete"):
            self.plain, self.init, self.added = op, None, []
        elif self.plain is not None:
            before = {} if self.plain.kind == "delete" else {op.key: self.plain.value}
            self.plain = Op("put", op.key, apply(before, (op,))[op.key])
        elif op.kind == "init":
            self.init = self.init or op
        elif op.kind == "increment" and self.added and _is_int(op.value) and _is_int(self.added[-1].value):
            # Sums of floats depend on the order of adding: those stay apart.
            last = self.added[-1]
            self.added[-1] = Op("increment", op.key, last.value + op.value) if last.kind == "increment" else last
            if last.kind != "increment":
                self.added.append(op)
        else:
            self.added.append(op)

    def ops(self) -> list[Op]:
        if self.plain is not None:
            return [self.plain]
        return [*([self.init] if self.init else []), *self.added]

    def kinds(self) -> set[str]:
        """Return what is done to the key, where that is adding: as what the key was begun, counts too."""
        kinds: set[str] = {op.kind for op in self.added}
        if self.init is not None and self.init.value is not None:
            value = self.init.value
            kinds.add("append" if isinstance(value, list) else "increment" if is_number(value) else "init")
        return kinds

    def shown(self) -> str:
        ops = self.ops()
        parts = ["delete" if op.kind == "delete" else f"{op.kind} {op.value!r}"[:_SHOWN_CHARS] for op in ops[:2]]
        return ", ".join(parts) + (f" and {len(ops) - 2} more writes" if len(ops) > 2 else "")


def compacted(ops: Iterable[Op]) -> list[Op]:
    """Return fewer operations that come to the same: of a key that was put a thousand times, the last."""
    return [op for writes in _by_key(ops).values() for op in writes.ops()]


def merge_branches(
    base: Mapping[str, Any], branches: Sequence[Sequence[Op]], names: Sequence[str] | None = None
) -> list[Op]:
    """Return the operations that bring `base` to what all branches made of it, in the order of the branches.

    Args:
        base: what every branch began with.
        branches: the operations of each.
        names: of the branches, for errors; default "branch 1" and so on.

    Raises:
        ContextConflict: two branches wrote different things to one key.
    """
    called = list(names) if names is not None else [f"branch {n}" for n in range(1, len(branches) + 1)]
    by_key: dict[str, list[tuple[str, _KeyWrites]]] = {}
    for name, ops in zip(called, branches, strict=True):
        for key, writes in _by_key(ops).items():
            by_key.setdefault(key, []).append((name, writes))
    merged: list[Op] = []
    for key, written in by_key.items():
        merged.extend(_merged(key, base.get(key, MISSING), written))
    return merged


def join(context: Context, branches: Sequence[Context], names: Sequence[str] | None = None) -> None:
    """Bring what forks of `context` have written back into it.

    Raises:
        ContextConflict: two branches wrote different things to one key; nothing is changed.
    """
    context.absorb(merge_branches(context.as_dict(), [branch.ops for branch in branches], names))


def _by_key(ops: Iterable[Op]) -> dict[str, _KeyWrites]:
    by_key: dict[str, _KeyWrites] = {}
    for op in ops:
        by_key.setdefault(op.key, _KeyWrites()).take(op)
    return by_key


def _merged(key: str, before: Any, written: list[tuple[str, _KeyWrites]]) -> list[Op]:
    first_name, first = written[0]
    for name, other in written[1:]:
        if not _agree(first, other):
            raise ContextConflict(key, branches=(first_name, name), shown=(first.shown(), other.shown()))
    if first.plain is not None:
        return [first.plain]
    ops = [op for _, writes in written for op in writes.added]
    inits = [(name, writes.init) for name, writes in written if writes.init is not None]
    for name, init in inits[1:]:
        if not same_value(init.value, inits[0][1].value):
            shown = (f"init {inits[0][1].value!r}"[:_SHOWN_CHARS], f"init {init.value!r}"[:_SHOWN_CHARS])
            raise ContextConflict(key, branches=(inits[0][0], name), shown=shown)
    return [*([inits[0][1]] if inits and before is MISSING else []), *ops]


def _agree(one: _KeyWrites, other: _KeyWrites) -> bool:
    if one.plain is not None or other.plain is not None:
        return one.plain is not None and other.plain is not None and same_value(one.plain, other.plain)
    return len(one.kinds() | other.kinds()) < 2  # what is appended to cannot be incremented


def same_value(one: Any, other: Any) -> bool:
    """Compare as JSON: to Python, 1, 1.0 and True are equal."""
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")


def _is_int(value: object) -> bool:
    return type(value) is int
