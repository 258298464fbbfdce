"""Which workflow of a loaded flow is meant, and what to suggest when none is."""

from __future__ import annotations

import ast
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors_code import FlowNotFound, NoWorkflow, SeveralWorkflows, WorkflowNotInFlow
from cerebelum.engine.runtime.code.closure import near_names, read_source
from cerebelum.engine.runtime.code.import_failure import shown_path

if TYPE_CHECKING:
    from cerebelum.engine.runtime.code.loading import LoadedFlow


def select_workflow(flow: LoadedFlow, name: str | None = None) -> WorkflowDefinition[..., Any]:
    """Return the workflow that `FLOW.py` or `FLOW.py:name` means.

    Without a name it is the only one that the file declares; a file that declares none but imports exactly one from a
    local module means that one. A name may also be of an imported one, or the variable that holds it.

    Raises:
        NoWorkflow: the file has none.
        SeveralWorkflows: it has several, and no name was given.
        WorkflowNotInFlow: it has none of this name.
    """
    if name is None:
        bound = {id(value) for value in vars(flow.module).values()}
        visible = flow.workflows or [found for found in flow.imported if id(found) in bound]
        if len(visible) == 1:
            return visible[0]
        if visible:
            raise SeveralWorkflows(flow.shown, [found.name for found in visible])
        raise NoWorkflow(flow.shown, near_misses=near_misses(read_source(flow.path)))
    for found in (*flow.workflows, *flow.imported):
        if found.name == name:
            return found
    variable = vars(flow.module).get(name)
    if is_workflow(variable):
        return variable
    if not flow.workflows and not flow.imported:
        raise NoWorkflow(flow.shown, near_misses=near_misses(read_source(flow.path)))
    known = [found.name for found in (*flow.workflows, *flow.imported)]
    raise WorkflowNotInFlow(flow.shown, name, known=known, nearest=next(iter(get_close_matches(name, known, 1)), None))


def is_workflow(value: object) -> TypeGuard[WorkflowDefinition[..., Any]]:
    """Whether `value` is a workflow. Asks its type only: a proxy that stands in a module may raise when it is looked at."""
    return issubclass(type(value), WorkflowDefinition) and not getattr(value, "is_abstract", False)


def near_misses(source: str) -> list[tuple[int, str]]:
    """Return (line number, line) of the functions that look like a workflow without its decorator, likeliest first.

    An undecorated `async def` at the top of the file; most likely the last, which tends to call the others.
    """
    lines = source.splitlines()
    found = [
        node.lineno
        for node in ast.parse(source).body
        if isinstance(node, ast.AsyncFunctionDef) and not node.decorator_list
    ]
    return [(number, lines[number - 1]) for number in reversed(found)]


def missing_flow(path: Path) -> FlowNotFound:
    """Return the error for a path that is no file, with the names beside it that come close."""
    shown = shown_path(str(path))
    beside = list(near_names(path))
    if path.is_dir():
        inside = [str(Path(shown) / name) for name in near_names(path / "flow.py")]
        return FlowNotFound(shown, similar=inside[:3], reason="it is a folder")
    if not path.parent.is_dir():
        return FlowNotFound(shown, reason=f"there is no folder {shown_path(str(path.parent))!r}")
    wanted = path.name if path.suffix == ".py" else f"{path.name}.py"
    similar = get_close_matches(wanted, beside, 3, cutoff=0.6) or [
        name for name in beside if name.startswith(path.stem)
    ]
    return FlowNotFound(shown, similar=[str(Path(shown).parent / name) for name in similar[:3]])
