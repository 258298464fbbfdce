"""What the use cases work on: a store, a codec, the known workflows, and the node of this process if it runs one."""

from __future__ import annotations

import asyncio
from typing import Any

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.ports.store import CodeVersion, Message, Store
from cerebelum.engine.runtime.code.digest import describe
from cerebelum.engine.runtime.code.pinning import load_bundle
from cerebelum.engine.runtime.code.registry import WorkflowRegistry
from cerebelum.engine.runtime.node import Node, NodeSettings


class Engine:
    """Holds the parts; every use case is given one. No global state: two engines live in one process."""

    def __init__(
        self,
        store: Store,
        codec: PayloadCodec,
        *,
        settings: NodeSettings | None = None,
        allow_stored_code: bool = False,
        keep_source: bool = True,
        **node_options: Any,
    ) -> None:
        self.store, self.codec = store, codec
        self.registry = WorkflowRegistry()
        self.settings = settings or NodeSettings()
        self.allow_stored_code, self.keep_source = allow_stored_code, keep_source
        self.node: Node | None = None
        self._starting = asyncio.Lock()
        self._node_options = node_options

    async def register(self, definition: WorkflowDefinition[..., Any]) -> CodeVersion:
        """Make a workflow known here and to the store; the same source keeps its version number.

        Raises:
            SourceMissing: its module has no readable source.
            DefinitionError: another module declares a workflow of this name.
        """
        known = self.registry.entry(definition.name, definition.code)
        if known is not None and known.definition is definition and known.code is not None and known.code.version:
            return known.code
        code = describe(definition, keep_source=self.keep_source)
        self.registry.check(definition)
        stored = await self.store.register(code)
        self.registry.add(definition, stored)
        if self.node is not None:
            await self.node.membership.announce()
        return stored

    async def start_node(self) -> Node:
        """Start this process's node, once."""
        if self.node is not None:
            return self.node
        async with self._starting:  # the first starts of a program often come together
            if self.node is None:
                node = Node(
                    self.store, self.codec, self.registry, self.settings,
                    load_pinned=self._load_pinned if self.allow_stored_code else None, **self._node_options,
                )  # fmt: skip
                await node.start()
                self.node = node
            return self.node

    async def stop_node(self, deadline_s: float = 10.0) -> None:
        """Stop it in an orderly way."""
        node, self.node = self.node, None
        if node is not None:
            await node.stop(deadline_s)

    async def post(self, message: Message) -> Message | None:
        """Put a message into an execution's inbox, and tell the node here; None when its key is known already."""
        posted = await self.store.post(message)
        if posted is not None and self.node is not None:
            self.node.deliver(posted)
        return posted

    async def _load_pinned(self, workflow: str, digest: str) -> WorkflowDefinition[..., Any] | None:
        code = await self.store.get_code(workflow, digest=digest)
        if code is None or code.source is None:
            return None
        definition = load_bundle(code, allow_stored_code=True)
        self.registry.add_pinned(definition, code)
        return definition
