"""What the linter finds: rules with a stable code each, and the places where code breaks them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from cerebelum.engine.runtime.code.lint.region import Region

Level = Literal["error", "warning", "note"]


class Rule(Struct, frozen=True):
    """One kind of mistake. Codes never change their meaning.

    Attributes:
        level: "error" where a replay breaks; "warning" where it may; "note" where nothing can.
        why: what goes wrong.
        fix: what to write instead.
    """

    code: str
    name: str
    level: Level
    why: str
    fix: str


class Hit(Struct, frozen=True, eq=False):
    """A place that breaks a rule, as a family of rules reports it.

    Attributes:
        what: in words, with the names of the code.
        fix: instead of the rule's own, where more can be said.
        level: instead of the rule's own.
    """

    code: str
    node: ast.AST
    what: str
    fix: str = ""
    level: Level | None = None


class Finding(Struct, frozen=True, kw_only=True):
    """A place that breaks a rule, as people and programs read it. Lines and columns (characters) count from 1.

    Attributes:
        workflow: whose code it is in; "" where it is in none.
        source: the text of the line.
    """

    code: str
    name: str
    level: Level
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    what: str
    why: str
    fix: str
    workflow: str = ""
    source: str = ""


Family = Callable[["Region"], Iterator[Hit]]

_STEP = "do it in a step, a function under @step, and use what it returns"

RULES: Mapping[str, Rule] = {
    rule.code: rule
    for rule in (
        Rule(
            "CB511", "blocking-sleep", "error",
            "it blocks the loop of all workflows and is in no history, so the engine refuses it (NotDeterministic)",
            "`await asyncio.sleep(...)`: a durable timer; in a workflow that is a plain `def`, `time.sleep` is one",
        ),
        Rule(
            "CB512", "input-output", "error",
            "a replay would do it again, and may get another answer",
            _STEP,
        ),
        Rule(
            "CB513", "threads-and-processes", "error",
            "what they do happens at moments that no replay can repeat, so the engine refuses to start them",
            "put the work in a step (a plain `def` step runs in a thread); run steps together with `asyncio.gather`, "
            "in a plain `def` workflow with `together`",
        ),
        Rule(
            "CB514", "unordered-iteration", "error",
            "the order of a set changes from process to process, so a replay would ask for other steps",
            "iterate `sorted(...)`, or keep a list or the keys of a dict, which stay in order",
        ),
        Rule(
            "CB515", "module-state", "warning",
            "it is in no history: a replay, another node and the next execution find another value there",
            "keep state in local variables, and pass values as arguments; what outlives the workflow is written by a step",
        ),
        Rule(
            "CB516", "foreign-await", "error",
            "workflow code runs on a loop of its own that knows durable waits only: it cannot wait for sockets or threads",
            _STEP,
        ),
        Rule(
            "CB517", "captured-at-import", "error",
            "it was read once, when the module was imported: every process, and so every replay, has another value",
            "read it inside the workflow, where time and randomness come from the execution",
        ),
        Rule(
            "CB518", "process-facts", "warning",
            "it differs between processes and machines, so a replay on another node may decide otherwise",
            "pass it as an argument of the workflow, or return it from a step, which records it",
        ),
        Rule(
            "CB519", "idle-ignore", "note",
            "there is nothing to silence here: the comment would hide a finding that somebody makes later",
            "remove the comment",
        ),
    )
}  # fmt: skip
