"""A flow that was given as data: a workflow like any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FrameType, ModuleType
from typing import Any

from cerebelum.engine.authoring.definitions.checking import Definition
from cerebelum.engine.authoring.definitions.compiling import compiled
from cerebelum.engine.authoring.definitions.functions import FunctionTable
from cerebelum.engine.authoring.flow import FlowDefinition
from cerebelum.engine.domain import graph as g


class DefinedFlow(FlowDefinition):
    """See `Flow.from_definition`. `definition` is the entity it was made from."""

    def __init__(
        self,
        definition: Any,
        *,
        functions: Mapping[str, Callable[..., Any]] | None,
        modules: Mapping[str, ModuleType] | None,
        caller: FrameType,
    ) -> None:
        entity = self.definition = Definition.new(definition)
        self._table = FunctionTable(functions, modules)
        self._declare(
            entity.name, module=caller.f_globals.get("__name__", "__main__"),
            line=(caller.f_code.co_filename, caller.f_lineno), timeout=entity.timeout, max_retries=entity.max_retries,
            queue=entity.queue, namespace={},
        )  # fmt: skip
        self.graph  # noqa: B018 - faults are told where it is declared

    def _build(self) -> g.Graph:
        return compiled(self.definition, self._table)
