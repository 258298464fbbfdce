"""New code for workflows is taken up in a running engine, and every open execution is checked against it.

Files are loaded by `load_flow`, which puts new modules in place only when all of them ran, so a broken edit leaves the
running version serving. What runs on replaced code is then replayed on the new one without side effects: where the
history fits, the execution moves (`runtime.moving`); where it does not, it stays, and its version stays registered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.open_executions import OpenExecutions
from cerebelum.engine.application.served_flows import ServedFile, ServedFlows, loaded_as
from cerebelum.engine.application.verdicts import Verdict
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.runtime.code.digest import describe
from cerebelum.engine.runtime.code.import_failure import shown_path
from cerebelum.engine.runtime.code.loading import LoadedFlow, load_flow
from cerebelum.engine.runtime.code.releasing import release_unneeded
from cerebelum.engine.runtime.interception import install, real


class Reloaded(Struct, frozen=True, kw_only=True):
    """A flow file that loaded, and what that did.

    Attributes:
        changed: workflows whose code changed, or that are new.
        removed: workflows that the file declared, and declares no more.
        verdicts: of the open executions that were looked at.
        unchecked: how many more there are, 2,000 at most; they are checked when they wake.
        restart: why the process must be restarted to take the change up; "" where it need not.
        duration_us: from the call until new starts use the new code and the open executions were looked at.
        only_layout: the text changed, and no code did: comments, docstrings, blank lines.
    """

    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    verdicts: list[Verdict] = []
    unchecked: int = 0
    restart: str = ""
    duration_us: int = 0
    only_layout: bool = False

    @property
    def moved(self) -> int:
        """How many open executions go on on the new code."""
        return sum(verdict.outcome == "moved" for verdict in self.verdicts)


class FileOutcome(Struct, frozen=True, kw_only=True):
    """What came of one flow file: it loaded (`reloaded`), or something keeps it from loading (`error`).

    Attributes:
        path: absolute.
        shown: as people type it.
        workflows: that it declares, as they serve now.
        serving: short digest of the version that goes on serving; "" where there is none.
    """

    path: Path
    shown: str
    reloaded: Reloaded | None = None
    error: CerebelumError | None = None
    workflows: tuple[str, ...] = ()
    serving: str = ""


class _Load:
    """A flow file that is loaded, what it was before, and what it declared or imported and does so no more."""

    def __init__(self, served: ServedFile) -> None:
        self.served, self.before, self.was_broken = served, served.bundle, served.error is not None
        former = served.all_names()
        served.load()
        self.removed = tuple(name for name in former if name not in served.all_names())


class Reloader:
    """Keeps an engine's workflows as the files say. Calls of `start` and `reload` take their turn.

    Args:
        engine: whose node may run, or not yet.
        paths: flow files, and folders of them.
    """

    def __init__(self, engine: Engine, paths: Sequence[Path]) -> None:
        self._engine, self._flows = engine, ServedFlows([path.resolve() for path in paths])
        self._open = OpenExecutions(engine)
        self._turn = asyncio.Lock()

    async def start(self) -> list[FileOutcome]:
        """Load all files for the first time; those that do not load are told, the others serve."""
        install()  # before user code is imported: a module may keep `time.time` under a name of its own
        async with self._turn:
            there, _ = self._flows.look()
            return [*self._missing(), *await self._take_up(there, [])]

    def files(self) -> frozenset[Path]:
        """Return every local file that the flows run from, and the folders where new files may appear; absolute."""
        return self._flows.files()

    def serving(self) -> list[LoadedFlow]:
        """Return the files that serve, as they were loaded when their workflows were registered."""
        return [served.serving for served in self._flows.by_path.values() if served.serving is not None]

    def concerns(self, path: Path) -> bool:
        """Whether a change of `path` (made, changed, deleted) may change what runs."""
        return self._flows.concerns(path.resolve())

    async def reload(self, changed: Collection[Path]) -> list[FileOutcome]:
        """Take up what changed; one outcome for each flow file that it concerns, none where it concerns none."""
        paths = {path.resolve() for path in changed}
        async with self._turn:
            restarts = [outcome for path in sorted(paths) if (outcome := self._restart(path)) is not None]
            there, gone = self._flows.look()
            affected = [served for served in there if self._flows.concerned(served, paths)]
            return [*restarts, *await self._take_up(affected, gone)]

    async def release(self) -> int:
        """Let go of old code that no open execution needs by now; a reload does so too. Return how many versions."""
        engine, node = self._engine, self._engine.node
        if node is not None:
            node.rebuilder.forget_misfits()
        released = await release_unneeded(
            engine.registry, engine.store, lambda: [] if node is None else list(node.resident.values())
        )
        if released:
            engine.codec.forget_annotations()
        return released

    # -- files ----------------------------------------------------------------------------------------------------
    async def _take_up(self, affected: list[ServedFile], gone: list[ServedFile]) -> list[FileOutcome]:
        begin_s, registry = real.perf_counter(), self._engine.registry
        outcomes: dict[Path, FileOutcome] = {}
        loads: list[_Load] = []
        for served in affected:
            try:
                loads.append(_Load(served))
            except CerebelumError as error:
                outcomes[served.path] = self._failed(served, error)
        before = {name: registry.newest(name).digest for name in registry.serving()}
        # Before anything is registered: a workflow may have gone from one of these files to another.
        self._retire(loads, gone)
        for served in gone:
            reloaded = Reloaded(removed=served.declared)
            outcomes[served.path] = FileOutcome(path=served.path, shown=served.shown, reloaded=reloaded)
        for load in loads:
            outcome = await self._registered(load, before)
            if outcome is not None:
                outcomes[load.served.path] = outcome
        declared = {name for served in self._flows.by_path.values() for name in served.all_names()}
        told = [await self._checked(outcome, declared, begin_s) for outcome in outcomes.values()]
        await self.release()
        return told

    def _failed(self, served: ServedFile, error: CerebelumError) -> FileOutcome:
        served.error = error
        return FileOutcome(
            path=served.path,
            shown=served.shown,
            error=error,
            workflows=served.declared,
            serving=self._serving(served),
        )

    async def _registered(self, load: _Load, before: dict[str, str]) -> FileOutcome | None:
        """Make the workflows of a loaded file the newest; None where nothing of it changed.

        Args:
            before: digests of what served, by name; what changed is entered here, so that it is told once.
        """
        served, registry = load.served, self._engine.registry
        try:
            for definition in served.definitions:
                registry.check(definition)
                describe(definition)
            changed = [one.name for one in served.definitions if await self._register(one, before)]
        except CerebelumError as error:
            served.declared = tuple(name for name in served.declared if name not in load.removed)
            return self._failed(served, error)
        served.serve()
        told = changed or load.removed or load.was_broken
        if not told and (load.before == served.bundle or not served.declared):
            return None
        return FileOutcome(
            path=served.path,
            shown=served.shown,
            reloaded=Reloaded(changed=tuple(changed), removed=load.removed, only_layout=not told),
            workflows=served.declared,
            serving=self._serving(served),
        )

    def _serving(self, served: ServedFile) -> str:
        return self._engine.registry.newest(served.declared[0]).digest if served.declared else ""

    async def _register(self, definition: WorkflowDefinition[..., Any], before: dict[str, str]) -> bool:
        """Make a workflow the newest version; return whether its code is other than before."""
        registry, name = self._engine.registry, definition.name
        code = await self._engine.register(definition)
        if registry.is_superseded(name, code.short_digest):
            registry.add(definition, code)  # its file went and came back as it was: the module was never another
        registry.supersede(name, but=code.short_digest)
        former, before[name] = before.get(name), code.short_digest
        return former != code.short_digest

    def _retire(self, loads: Sequence[_Load], gone: Sequence[ServedFile]) -> None:
        """Refuse new starts of workflows that no file holds any more; registering one brings it back."""
        loaded = {load.served.path for load in loads}
        others = [served for path, served in self._flows.by_path.items() if path not in loaded]
        held = {name for served in others for name in served.all_names()}
        removed = [*(load.removed for load in loads), *(served.all_names() for served in gone)]
        for name in {name for names in removed for name in names} - held:
            self._engine.registry.retire(name)

    def _missing(self) -> list[FileOutcome]:
        outcomes = []
        for path in self._flows.missing():
            try:
                load_flow(path)
            except CerebelumError as error:
                outcomes.append(FileOutcome(path=path, shown=shown_path(str(path)), error=error))
        return outcomes

    def _restart(self, path: Path) -> FileOutcome | None:
        module = "" if path in self._flows.files() else loaded_as(path)
        if not module:
            return None
        what = "compiled module" if path.suffix != ".py" else "module"
        reason = f"{what} {module} changed: only the project's own modules are reloaded in place"
        return FileOutcome(path=path, shown=shown_path(str(path)), reloaded=Reloaded(restart=reason))

    # -- executions -----------------------------------------------------------------------------------------------
    async def _checked(self, outcome: FileOutcome, declared: Collection[str], begin_s: float) -> FileOutcome:
        reloaded = outcome.reloaded
        if reloaded is None:
            return outcome
        gone = tuple(name for name in reloaded.removed if name not in declared)
        verdicts, unchecked = await self._open.check(reloaded.changed, gone, shown=outcome.shown)
        duration_us = round((real.perf_counter() - begin_s) * 1e6)
        told = structs.replace(reloaded, removed=gone, verdicts=verdicts, unchecked=unchecked, duration_us=duration_us)
        return structs.replace(outcome, reloaded=told)
