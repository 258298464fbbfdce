"""The flow files that an engine serves: what each was loaded from, and which of them a change on disk concerns."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.runtime.code.bundle import SourceBundle
from cerebelum.engine.runtime.code.closure import Closure, Project, read_closure
from cerebelum.engine.runtime.code.flow_files import FLOW_SUFFIXES, flow_files
from cerebelum.engine.runtime.code.import_failure import shown_path
from cerebelum.engine.runtime.code.loading import LoadedFlow, load_flow
from cerebelum.engine.runtime.code.modules import captured_module

_COMPILED = (".so", ".pyd", ".dll")
_SKIPPED = frozenset({"__pycache__", "site-packages", "dist-packages", "node_modules"})


class ServedFile(Struct, eq=False):
    """One flow file, as it was loaded last.

    Attributes:
        declared: names of the workflows that are declared in it; of the version that serves.
        definitions: these, and those of the local modules it imports.
        bundle: what it ran from; None: it never loaded.
        files: it, and every local file that it was run from, or that the last try read.
        serving: what serves, since its workflows were registered; None: nothing of it ever did.
        error: why the last try failed.
    """

    path: Path
    shown: str
    declared: tuple[str, ...] = ()
    definitions: list[WorkflowDefinition[..., Any]] = []
    bundle: SourceBundle | None = None
    files: frozenset[Path] = frozenset()
    serving: LoadedFlow | None = None
    error: CerebelumError | None = None
    _loaded: LoadedFlow | None = None

    def load(self) -> None:
        """Load it, or leave what was loaded as it is. Raises as `load_flow`."""
        closure = _closure(self.path)
        self.files |= {self.path, *(closure.files.values() if closure else ())}
        flow = load_flow(self.path)
        captured = captured_module(flow.module.__name__)
        self.bundle = captured.bundle if captured else None
        self.files = frozenset({self.path, *(closure.files.values() if closure else ())})
        self.definitions, self._loaded = [*flow.workflows, *flow.imported], flow

    def serve(self) -> None:
        """Take note that what was loaded last is registered."""
        self.error, self.declared, self.serving = None, self.names(), self._loaded

    def all_names(self) -> tuple[str, ...]:
        """Return the names of the workflows that it declares, and of those that it imports from local modules."""
        return tuple(definition.name for definition in self.definitions)

    def names(self) -> tuple[str, ...]:
        """Return the names of the workflows that it declares itself."""
        return tuple(definition.name for definition in self._loaded.workflows) if self._loaded else ()

    def differs(self) -> bool:
        """Whether the text on disk, or what it would import, is another than it runs from."""
        closure = _closure(self.path)
        return closure is None or closure.bundle != self.bundle


class ServedFlows:
    """All of them.

    Args:
        paths: flow files, and folders of them; absolute.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self.by_path: dict[Path, ServedFile] = {}

    def look(self) -> tuple[list[ServedFile], list[ServedFile]]:
        """Return the files that are there, new ones included, and those that are not any more."""
        there = [path.resolve() for path in flow_files(self._paths)]
        gone = [served for path, served in self.by_path.items() if path not in there or not _is_there(path)]
        for path in there:
            if path not in self.by_path and _is_there(path):
                self.by_path[path] = ServedFile(path, shown_path(str(path)))
        for served in gone:
            del self.by_path[served.path]
        return [self.by_path[path] for path in there if path in self.by_path], gone

    def missing(self) -> list[Path]:
        """Return the files that were named and are not there."""
        return [path for path in self._paths if not path.exists()]

    def concerned(self, served: ServedFile, changed: Collection[Path]) -> bool:
        """Whether a flow file must be looked at anew."""
        if served.bundle is None or served.error is not None or not served.files.isdisjoint(changed):
            return True
        known = self.files()
        return any(path not in known and path.suffix == ".py" for path in changed) and served.differs()

    def files(self) -> frozenset[Path]:
        """Return every local file that flows run from, the folders around them, and the folders given."""
        files = {file for served in self.by_path.values() for file in served.files}
        named = {path if path.is_dir() else path.parent for path in self._paths}
        return frozenset(files | named | {file.parent for file in files})

    def concerns(self, path: Path) -> bool:
        """Whether a change of `path` may change what runs."""
        known = self.files()
        if path in known and not path.is_dir():
            return True
        if path in self._paths or (path.parent in self._paths and path.suffix in FLOW_SUFFIXES):
            return True
        if _SKIPPED.isdisjoint(path.parts) and path.suffix == ".py":
            return any(Project(file.parent).is_local(path) for file in self.by_path)
        return bool(loaded_as(path))


def loaded_as(path: Path) -> str:
    """Return the name of the module that was loaded from this file by the ordinary import; "" where there is none."""
    if path.suffix not in (".py", *_COMPILED):
        return ""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(path.name) and captured_module(name) is None:
            try:
                if Path(file).resolve() == path:
                    return name
            except (OSError, RuntimeError):
                continue
    return ""


def _is_there(path: Path) -> bool:
    return path.is_file()


def _closure(path: Path) -> Closure | None:
    try:
        return read_closure(path)
    except (OSError, SyntaxError, CerebelumError):  # loading it says why
        return None
