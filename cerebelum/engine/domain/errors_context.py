"""Errors of a flow's context."""

from __future__ import annotations

from cerebelum.engine.domain.errors import CerebelumError


class ContextConflict(CerebelumError):
    """Parallel branches wrote different things to one key: which of them is meant, nobody can know."""

    code = "CB831"

    def __init__(self, key: str, *, branches: tuple[str, str], shown: tuple[str, str]) -> None:
        super().__init__(
            f"parallel branches disagree about context key {key!r}:\n"
            f"  {branches[0]}: {shown[0]}\n"
            f"  {branches[1]}: {shown[1]}\n"
            f"  help: give each branch a key of its own, or gather with append_context or increment_context"
        )
        self.key, self.branches, self.shown = key, branches, shown  # shown: what each did; bounded


class ContextKeyMissing(CerebelumError, KeyError):
    """The context has no such key."""

    code = "CB832"

    def __init__(self, key: object, *, known: tuple[str, ...] = ()) -> None:
        there = ", ".join(known) if known else "none"
        super().__init__(
            f"the context has no key {key!r}\n  help: its keys: {there}; give a default where it may be missing"
        )
        self.key, self.known = key, known  # known: some of the keys

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError shows its message quoted


class ContextValueRefused(CerebelumError, TypeError):
    """A write that cannot be: a key that is not text, an append to what is no list, an increment of what is no number."""

    code = "CB833"
