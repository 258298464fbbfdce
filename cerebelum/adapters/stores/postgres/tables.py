"""The rows that a commit sends: as one array a column, which `unnest` makes a table of.

An array of 500 costs 80 µs on its way. Columns that usually hold one value for the whole batch are put into groups; a group
in which each column does is sent as single values. There are few groups, since each combination is a statement to prepare.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cerebelum.adapters.stores.rows import EXECUTION_COLUMNS

Same = tuple[bool, ...]  # for each group: whether it is sent as single values


class Numbers:
    """Counts parameters, in the order in which their values are listed."""

    def __init__(self) -> None:
        self._last = 0

    def one(self, kind: str) -> str:
        """Return the next parameter."""
        self._last += 1
        return f"${self._last}::{kind}"


class Rows:
    """Columns (name, type) of rows to send; `groups` of names as the file's docstring says."""

    def __init__(self, *columns: tuple[str, str], groups: Sequence[Sequence[str]] = ()) -> None:
        self._columns = columns
        self._group = {name: number for number, group in enumerate(groups) for name in group}
        self._groups = [[i for i, (name, _) in enumerate(columns) if name in group] for group in groups]

    def values(self, rows: Sequence[Sequence[Any]]) -> tuple[Same, list[Any]]:
        """Return the parameters for these rows, at least one."""
        columns = list(zip(*rows, strict=True))
        count = len(rows)
        same = tuple(all(columns[i].count(columns[i][0]) == count for i in group) for group in self._groups)
        single = {i for group, is_same in zip(self._groups, same, strict=True) if is_same for i in group}
        return same, [column[0] if i in single else column for i, column in enumerate(columns)]

    def sql(self, alias: str, numbers: Numbers, same: Same = ()) -> str:
        """Return the table of these rows; its parameters are the next ones."""
        arrays, selected = [], []
        for name, kind in self._columns:
            if name in self._group and same[self._group[name]]:
                selected.append(f"{numbers.one(kind)} AS {name}")
            else:
                arrays.append((name, numbers.one(f"{kind}[]")))
                selected.append(f"u.{name}")
        names = ", ".join(name for name, _ in arrays)
        table = f"unnest({', '.join(parameter for _, parameter in arrays)})"
        if len(arrays) == len(self._columns):
            return f"{table} AS {alias}({names})"
        return f"(SELECT {', '.join(selected)} FROM {table} AS u({names})) AS {alias}"


_KINDS: Final = {
    **dict.fromkeys(("priority", "run", "last_version", "checkpoint", "epoch", "claims"), "int"),
    **dict.fromkeys((name for name in EXECUTION_COLUMNS if name.endswith("_us")), "bigint"),
}
START_COLUMNS: Final = tuple((name, _KINDS.get(name, "text")) for name in EXECUTION_COLUMNS)
STARTS: Final = Rows(
    *START_COLUMNS,
    ("source", "text"),
    ("guarded", "bool"),  # the source's append is in this batch
    groups=[
        [name for name in EXECUTION_COLUMNS if name not in {"id", "started_at_us", "inserted_at_us", "updated_at_us"}]
        + ["source", "guarded"]
    ],
)
# What an append changes, beside the owner and the times to wake and of the update.
MOVED: Final = (
    *("code", "status", "queue", "priority", "current_step", "error", "run", "last_version"),
    *("checkpoint", "scheduled_at_us", "started_at_us", "completed_at_us"),
)
APPENDS: Final = Rows(
    ("id", "text"),
    ("owner", "text"),
    ("epoch", "int"),
    ("expected", "int"),
    *((name, _KINDS.get(name, "text")) for name in MOVED),
    ("new_owner", "text"),
    ("wake_at_us", "bigint"),
    ("updated_at_us", "bigint"),
    ("releases", "bool"),
    ("addressed", "bool"),  # by a message of the same batch
    groups=[
        ["code", "queue", "priority", "error", "run", "checkpoint", "scheduled_at_us"],  # one node, one workflow
        ["status", "completed_at_us", "new_owner", "wake_at_us", "releases", "addressed"],  # all go on running
    ],
)
EVENTS: Final = Rows(
    ("execution_id", "text"), ("version", "int"), ("type", "text"), ("data", "text"), ("at_us", "bigint")
)
CONSUMED: Final = Rows(("id", "bigint"), ("execution_id", "text"), ("reply", "text"))  # of executions that go on
MESSAGES: Final = Rows(
    *((name, "text") for name in ("execution_id", "kind", "name", "payload", "sender", "key")),
    ("source", "text"),
    ("free", "bool"),  # its source has no append in this batch
)
LOG_COLUMNS: Final = (
    ("execution_id", "text"),
    ("number", "int"),
    ("step", "text"),
    ("attempt", "int"),
    ("level", "text"),
    ("at_us", "bigint"),
    ("message", "text"),
    ("metadata", "text"),
)
LOGS: Final = Rows(*LOG_COLUMNS, ("free", "bool"))  # free: its execution has no append in this batch
BLOBS: Final = Rows(("digest", "text"), ("content", "bytea"))
