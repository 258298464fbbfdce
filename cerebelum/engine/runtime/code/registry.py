"""The workflows a node knows, several versions of each side by side.

A version is *superseded* when new code took its place in the running process: what still runs on it is tried on the
newest whenever it is taken up. A workflow is *retired* when its code went away: no new start, but what is open goes on.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors import DefinitionError, UnknownWorkflow
from cerebelum.engine.ports.store import CodeVersion
from cerebelum.engine.runtime.code.import_failure import shown_path
from cerebelum.engine.runtime.code.modules import PINNED_PREFIX, captured_module, public_name

AnyWorkflow = WorkflowDefinition[..., Any]


class Registered(Struct, frozen=True, eq=False):
    """One version of a workflow. Without `code` its source is not known, and its digest is ""."""

    definition: AnyWorkflow
    code: CodeVersion | None

    @property
    def digest(self) -> str:
        """The version's source digest, the short one."""
        return self.code.short_digest if self.code else ""


class WorkflowRegistry:
    """Name -> versions. The newest is the one added last, going back to an earlier source included."""

    def __init__(self) -> None:
        self._workflows: dict[str, dict[str, Registered]] = {}
        self._superseded: set[tuple[str, str]] = set()
        self._retired: set[str] = set()

    def add(self, definition: AnyWorkflow, code: CodeVersion | None = None) -> Registered:
        """Make `definition` the newest version of its workflow; one of the same digest is replaced.

        Raises:
            DefinitionError: a workflow of this name is declared in another module too.
        """
        entry = Registered(definition, code)
        self.check(definition)
        versions = self._workflows.setdefault(definition.name, {})
        versions.pop(entry.digest, None)  # so that it comes last
        self._superseded.discard((definition.name, entry.digest))
        self._retired.discard(definition.name)
        versions[entry.digest] = entry
        definition.code = entry.digest
        return entry

    def check(self, definition: AnyWorkflow) -> None:
        """Raise the `DefinitionError` that `add` would. Where superseded versions were declared does not matter."""
        new = Registered(definition, None)
        for digest, other in self._workflows.get(definition.name, {}).items():
            if not self.is_superseded(definition.name, digest):
                _refuse_another_module(other, new)

    def add_pinned(self, definition: AnyWorkflow, code: CodeVersion) -> Registered:
        """Add an old version beside the others: the newest stays the newest, and what is retired stays so."""
        name = definition.name
        newest, retired = next(reversed(self._workflows.get(name, {}).values()), None), name in self._retired
        entry = self.add(definition, code)
        if newest is not None and newest.digest != entry.digest:
            versions = self._workflows[name]
            versions[newest.digest] = versions.pop(newest.digest)
            self._superseded.add((name, entry.digest))
        if retired:
            self.retire(name)
        return entry

    def supersede(self, name: str, *, but: str) -> None:
        """Mark all versions of a workflow as superseded, except the one with the digest `but`."""
        self._superseded.update((name, digest) for digest in self._workflows.get(name, {}) if digest != but)

    def is_superseded(self, name: str, digest: str) -> bool:
        """Whether new code took this version's place here."""
        return (name, digest) in self._superseded

    def retire(self, name: str) -> None:
        """Refuse new starts of a workflow from now on; its versions stay for what is open."""
        if name in self._workflows:
            self.supersede(name, but="")
            self._retired.add(name)

    def is_retired(self, name: str) -> bool:
        """Whether the workflow's code went away."""
        return name in self._retired

    def superseded(self) -> list[Registered]:
        """Return all versions that new code took the place of."""
        found = ((name, digest) for name, versions in self._workflows.items() for digest in versions)
        return [self._workflows[name][digest] for name, digest in found if (name, digest) in self._superseded]

    def serving(self) -> tuple[str, ...]:
        """Return the names of the workflows that may be started, sorted."""
        return tuple(name for name in self.names() if name not in self._retired)

    def entry(self, name: str, digest: str) -> Registered | None:
        """Return the version with this digest, None if it is not loaded here."""
        return self._workflows.get(name, {}).get(digest)

    def get(self, name: str) -> AnyWorkflow:
        """Return the newest version's definition.

        Raises:
            UnknownWorkflow: no workflow of this name.
        """
        return self.newest(name).definition

    def newest(self, name: str) -> Registered:
        """Return the version that new executions begin on. Raises `UnknownWorkflow`."""
        return self.versions(name)[-1]

    def versions(self, name: str) -> tuple[Registered, ...]:
        """Return all versions, the newest last. Raises `UnknownWorkflow`."""
        found = self._workflows.get(name)
        if not found:
            raise UnknownWorkflow(name, self.names())
        return tuple(found.values())

    def find(self, name: str, digest: str) -> AnyWorkflow | None:
        """Return the definition of the version with this digest, None if it is not loaded here."""
        found = self.entry(name, digest)
        return found.definition if found else None

    def remove(self, name: str, digest: str) -> None:
        """Forget one version, and the workflow with its last one. Idempotent."""
        versions = self._workflows.get(name, {})
        versions.pop(digest, None)
        self._superseded.discard((name, digest))
        if not versions:
            self._workflows.pop(name, None)

    def names(self) -> tuple[str, ...]:
        """Return the names of all workflows, sorted."""
        return tuple(sorted(self._workflows))


def _refuse_another_module(known: Registered, new: Registered) -> None:
    first, second = _place(known.definition), _place(new.definition)
    both_files = first.file and second.file
    same = first.file == second.file if both_files else first.module == second.module
    if not same:
        raise DefinitionError(
            f"workflow {new.definition.name!r} is declared in two modules: {first.shown} and {second.shown}\n"
            f'  help: give one of them another name: `@workflow("…")`'
        )


class _Place(Struct, frozen=True):
    module: str
    file: str  # "" for an old version, which lies in the store
    shown: str


def _place(definition: AnyWorkflow) -> _Place:
    module = definition.function.__module__
    code = definition.function.__code__
    captured = captured_module(module)
    pinned = module.startswith(f"{PINNED_PREFIX}.")
    return _Place(
        module=captured.public_name if captured else public_name(module),
        file="" if pinned else code.co_filename,
        shown=f"{shown_path(code.co_filename)}:{code.co_firstlineno}",
    )
