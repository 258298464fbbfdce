"""Load a user's flow file, as `python flow.py` would find its imports, and leave nothing behind when that fails.

The file becomes the module of its name, or of its package where an `__init__.py` lies beside it. Loading it again does
nothing if neither it nor a local module it imports has changed; else the changed ones, and those that import them, become
new module objects, put in place only when all of them ran. What was loaded before goes on with its own objects.
Where another file has the name already (two folders with a `prices.py` each, a flow called `queue.py`), the whole flow
is loaded under a prefix of its own.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from msgspec import Struct

from cerebelum.engine.authoring.schedules import declarations_of
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_code import FlowNotFound
from cerebelum.engine.domain.errors_flow import InvalidFlow
from cerebelum.engine.runtime.code.bundle import imported_names
from cerebelum.engine.runtime.code.closure import (
    Closure,
    Project,
    is_definition,
    is_reserved,
    read_closure,
    source_file,
)
from cerebelum.engine.runtime.code.import_failure import import_failure, shown_path, syntax_error
from cerebelum.engine.runtime.code.modules import (
    FLOW_PREFIX,
    CapturedModule,
    captured_module,
    enclosing_packages,
    finder,
    forget,
    put_back,
)
from cerebelum.engine.runtime.code.selection import is_workflow, missing_flow

AnyWorkflow = WorkflowDefinition[..., Any]

_lock = threading.RLock()  # `sys.modules` is changed and changed back as a whole


class LoadedFlow(Struct, frozen=True, eq=False):
    """A flow file that was imported."""

    path: Path  # absolute
    shown: str  # as people type it
    module: ModuleType
    workflows: list[AnyWorkflow]  # declared in the file itself, in order of their lines
    imported: list[AnyWorkflow]  # declared in local modules that it imports: its children may be among them


def load_flow(path: Path) -> LoadedFlow:
    """Import a flow file.

    Raises:
        FlowNotFound: no such file.
        FlowSyntaxError: it, or a local module that it imports, is not Python.
        FlowImportFailed: its code raised. `sys.modules` and `sys.path` are as they were.
        DefinitionError: it declares two workflows, or two schedules, of one name, or is a definition (JSON, YAML) with
            faults.
    """
    try:
        file = path.resolve()
    except (OSError, RuntimeError) as error:  # links in a circle, up to 3.12
        raise FlowNotFound(shown_path(str(path)), reason=str(error)) from error
    if not file.is_file():
        raise missing_flow(path)
    try:
        closure = read_closure(file)
    except SyntaxError as error:
        raise syntax_error(error, shown=shown_path(error.filename or str(file))) from error
    except OSError as error:
        unread = shown_path(error.filename or str(file))
        raise FlowNotFound(shown_path(str(path)), reason=f"{unread} cannot be read: {error.strerror}") from error
    with _lock:
        modules = _captured(closure, _prefix(closure))
        entry = modules[closure.entry].name
        try:
            with _transaction(closure, modules):
                module = importlib.import_module(entry)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: a file that ends the process when it is imported
            if isinstance(error, InvalidFlow) and is_definition(file):
                raise  # its faults name its nodes; a line of the module that stands for it would help nobody
            sources = {captured.filename: captured.source for captured in modules.values()}
            raise import_failure(error, entry=str(file), sources=sources) from error
        names = {captured.name for captured in modules.values()}
    own, imported = _workflows(module, names)
    _refuse_twins(own, shown_path(str(path)))
    if any(definition.schedules for definition in own):
        declarations_of(own)  # refuses two of one name
    return LoadedFlow(path=file, shown=shown_path(str(path)), module=module, workflows=own, imported=imported)


def _captured(closure: Closure, prefix: str) -> dict[str, CapturedModule]:
    found: dict[str, CapturedModule] = {}
    parts = closure.bundle.by_module()
    for name, module in closure.bundle.modules.items():
        file = str(closure.files[name])
        found[name] = CapturedModule(
            name=prefix + name,
            public_name=name,
            source=module.source,
            filename=file,
            file=file,
            bundle=parts[name],
            is_package=module.is_package,
            folder=str(closure.files[name].parent) if module.is_package else "",
        )
    return found


def _prefix(closure: Closure) -> str:
    if not is_reserved(closure.entry.partition(".")[0]) and all(
        _is_free(name, str(file)) for name, file in closure.files.items()
    ):
        return ""
    place = hashlib.sha256(str(closure.import_root).encode()).hexdigest()[:8]
    return f"{FLOW_PREFIX}.{place}."


def _is_free(name: str, file: str) -> bool:
    kept = finder.get(name)
    if kept is not None:
        return kept.file == file
    return name not in sys.modules or str(source_file(name)) == file


@contextmanager
def _transaction(closure: Closure, modules: dict[str, CapturedModule]) -> Iterator[None]:
    """Replace what has changed by what is about to be imported; on failure everything is put back."""
    prefix = modules[closure.entry].prefix
    stale = {module.name: module for module in modules.values() if not _is_current(module)}
    if prefix:
        packages = enclosing_packages(prefix, closure.bundle.modules)
        stale.update({package.name: package for package in packages if finder.get(package.name) is None})
    gone = _deleted(closure, prefix)
    kept = {name: finder.get(name) for name in (*stale, *gone)}
    before = set(sys.modules)
    folder = str(closure.import_root)
    added_folder = folder not in sys.path
    if closure.files[closure.entry].stem in sys.stdlib_module_names:
        # the library's module, before a flow of the same name is first on the path: we import some of it late
        importlib.import_module(closure.files[closure.entry].stem)
    if added_folder:
        sys.path.insert(0, folder)
    taken = forget([*stale, *gone])
    finder.remove(gone)
    finder.add(stale.values())
    try:
        yield
    except BaseException:
        project = Project(closure.import_root)
        forget([name for name in list(sys.modules) if name not in before and _is_ours(name, project, stale)])
        forget(stale)
        finder.remove(name for name, captured in kept.items() if captured is None)
        finder.add(captured for captured in kept.values() if captured is not None)
        put_back(taken)
        if added_folder and folder in sys.path:
            sys.path.remove(folder)
        raise


def _deleted(closure: Closure, prefix: str) -> list[str]:
    """Return the loaded modules that the flow still imports although their files are gone: they must not be found."""
    wanted = {name for item in closure.bundle.modules.items() for name in imported_names(*item)}
    loaded = (finder.get(prefix + name) for name in sorted(wanted - closure.bundle.modules.keys()))
    return [module.name for module in loaded if module is not None and module.file and not Path(module.file).is_file()]


def _is_current(module: CapturedModule) -> bool:
    """Whether what is loaded, or about to be, ran from the same text with the same local imports."""
    loaded = captured_module(module.name) if module.name in sys.modules else finder.get(module.name)
    if loaded is None:
        return module.name in sys.modules  # the ordinary import loaded this very file; what it read is not known
    return loaded.file == module.file and loaded.bundle == module.bundle


def _is_ours(name: str, project: Project, stale: dict[str, CapturedModule]) -> bool:
    file = source_file(name)
    if file is not None:
        return project.is_local(file)
    # a namespace package around our modules has no file; an installed library that was newly imported stays
    return any(module.startswith(f"{name}.") for module in stale)


def _workflows(module: ModuleType, names: set[str]) -> tuple[list[AnyWorkflow], list[AnyWorkflow]]:
    own: dict[int, AnyWorkflow] = {}
    imported: dict[int, AnyWorkflow] = {}
    for name in sorted(names):
        for value in list(vars(sys.modules[name]).values()) if name in sys.modules else ():
            if is_workflow(value) and value.function.__module__ in names:
                (own if value.function.__module__ == module.__name__ else imported)[id(value)] = value
    by_line = sorted(own.values(), key=lambda definition: definition.function.__code__.co_firstlineno)
    return by_line, sorted(imported.values(), key=lambda definition: definition.name)


def _refuse_twins(workflows: list[AnyWorkflow], shown: str) -> None:
    lines: dict[str, int] = {}
    for definition in workflows:
        line = definition.function.__code__.co_firstlineno
        if definition.name in lines:
            raise DefinitionError(
                f"{shown} declares workflow {definition.name!r} twice, in lines {lines[definition.name]} and {line}\n"
                f'  help: give one of them another name: `@workflow("…")`'
            )
        lines[definition.name] = line
