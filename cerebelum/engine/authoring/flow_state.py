"""One branch of a running flow: its state or context, where it stands, and what its last node gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cerebelum.engine.authoring.state_steps import merged_states
from cerebelum.engine.domain.context import Context, Op
from cerebelum.engine.domain.context_merging import join, merge_branches
from cerebelum.engine.domain.errors_context import ContextValueRefused

_NO_ITEM: Any = object()


class Branch:
    """A line of control. Forks read copies; `join` brings what they wrote together.

    Attributes:
        prefix: of the places of its nodes: "retry[1]/".
        result: what the last node gave.
        iteration: of the innermost loop around, -1 outside.
        is_main: no other branch runs beside it.
        dirty: the context has changes that no step's patch tells of.
    """

    def __init__(self, context: Context, state: Any, *, is_state: bool) -> None:
        self.context, self.state, self.is_state = context, state, is_state
        self.prefix = ""
        self.result: Any = None
        self.item: Any = _NO_ITEM
        self.index = 0
        self.iteration = -1
        self.is_main = True
        self.dirty = False

    @classmethod
    def begin(cls, input_: Mapping[str, Any], *, is_state: bool) -> Branch:
        """Return the branch that a flow begins with. A context holds the input's keys at first."""
        return cls(Context({} if is_state else input_, input=input_), dict(input_), is_state=is_state)

    @property
    def has_item(self) -> bool:
        """Whether it runs inside a foreach or map."""
        return self.item is not _NO_ITEM

    def fork(self, prefix: str, item: Any = _NO_ITEM, index: int = 0) -> Branch:
        """Return a branch that runs beside others, on a copy of the state."""
        fork = self.inside(prefix, item, index)
        fork.context = self.context.fork()
        fork.is_main = False
        return fork

    def inside(self, prefix: str, item: Any = _NO_ITEM, index: int = 0) -> Branch:
        """Return the same line of control for one item: it writes to the same context."""
        inner = Branch(self.context, self.state, is_state=self.is_state)
        inner.prefix, inner.iteration, inner.is_main = prefix, self.iteration, self.is_main
        inner.item, inner.index = (self.item, self.index) if item is _NO_ITEM else (item, index)
        return inner

    def join(self, forks: Sequence[Branch]) -> None:
        """Take what forks of this branch have written, in their order.

        Raises:
            ContextConflict, BranchConflict: they contradict one another.
        """
        if self.is_state:
            self.state = merged_states(self.state, [fork.state for fork in forks])
        elif any(fork.context.ops for fork in forks):
            join(self.context, [fork.context for fork in forks], [fork.prefix.rstrip("/") for fork in forks])
            self.dirty = True

    def take_merged(
        self, base: Context, shared: Sequence[Op], logs: Sequence[Sequence[Op]], state: Any, states: Sequence[Any]
    ) -> None:
        """Take what paths that meet have written: since `base` all `shared`, then each its own; or their states."""
        if self.is_state:
            self.state = merged_states(state, list(states))
        elif shared or any(logs):
            common = base.fork()
            common.absorb(shared)
            self.context.absorb([*shared, *merge_branches(common.as_dict(), logs)])
            self.dirty = True

    # -- reading and writing --------------------------------------------------------------------------------------
    def view(self) -> Any:
        """Return what functions over the state are given: the state, or a context with the item and the iteration."""
        if self.is_state:
            return self.state
        view = self.context.fork()
        if self.has_item:
            view.init_accumulator("item", self.item)
            view.init_accumulator("index", self.index)
        if self.iteration >= 0:
            view.init_accumulator("iteration", self.iteration)
        return view

    def data(self) -> Any:
        """Return the state, or the context as a dict."""
        return self.state if self.is_state else self.context.as_dict()

    def latest(self) -> Any:
        """Return what patterns look at: the state, or what the last node gave."""
        return self.state if self.is_state else self.result

    def output(self) -> Any:
        """Return what the flow gives."""
        return self.data() if self.is_state or self.result is None else self.result

    def held(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the main branch."""
        return {"state": self.state} if self.is_state else {"context": self.context.as_dict()}

    def restore(self, held: dict[str, Any]) -> None:
        """Be as `held` says."""
        if self.is_state:
            self.state = held["state"]
        else:
            self.context = Context(held["context"], input=self.context.input)

    def set_state(self, state: Any) -> None:
        """Replace the state of a workflow of edges."""
        self.state = self.result = state

    def keep(self, key: str | None, value: Any) -> None:
        """Take what a node gave, and write it to the context where the node has a key for it."""
        self.result = value
        if key is None:
            return
        if self.is_state:
            if isinstance(self.state, dict):
                self.state = {**self.state, key: value}
            return
        self.context.put(key, _plain(key, value))
        self.dirty = True

    def apply(self, patch: Sequence[Op]) -> None:
        """Apply what a step wrote."""
        if patch:
            self.context.absorb(patch)


def plain(value: Any) -> Any:
    """Return `value` as JSON holds it. Raises TypeError, NotImplementedError: it cannot."""
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_model)


def _plain(key: str, value: Any) -> Any:
    try:
        return plain(value)
    except (TypeError, NotImplementedError) as error:
        raise ContextValueRefused(f"context key {key!r} cannot hold {type(value).__name__}: {error}") from error


def _model(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)  # pydantic
    if dump is None:
        raise NotImplementedError(f"{type(value).__name__} is no JSON")
    return dump(mode="json")
