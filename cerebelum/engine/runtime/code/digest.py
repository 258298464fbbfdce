"""Which version of a workflow's code this is: a digest over its module and the local modules it imports.

Lower-case hex SHA-256. Comments, docstrings and layout do not count; a change in a local helper module does. What a
module loaded by `load_flow` or `load_bundle` ran from was captured then, so its digest is that of the running code, not
of what the file says by now.
"""

from __future__ import annotations

import hashlib
from inspect import unwrap

from cerebelum.engine.authoring.flow import FlowDefinition
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors_code import FlowSyntaxError, SourceMissing
from cerebelum.engine.ports.store import CodeVersion
from cerebelum.engine.runtime.code.bundle import SourceBundle
from cerebelum.engine.runtime.code.closure import read_closure, source_file
from cerebelum.engine.runtime.code.import_failure import syntax_error
from cerebelum.engine.runtime.code.modules import CapturedModule, captured_by, captured_module
from cerebelum.engine.runtime.code.normal_form import analyse


def digest_of(bundle: SourceBundle) -> str:
    """Return the digest of a bundle: of each module's name and normal form, in the order of names."""
    total = hashlib.sha256()
    for name in sorted(bundle.modules):
        module = bundle.modules[name]
        kind = "package" if module.is_package else "module"
        total.update(f"{kind} {name} {analyse(module.source).digest}\n".encode())
    return total.hexdigest()


def bundle_of(definition: WorkflowDefinition[..., object]) -> tuple[str, SourceBundle]:
    """Return the public name of a workflow's module, and the module with its local imports.

    Raises:
        SourceMissing: the module has no readable source.
        FlowSyntaxError: the file is by now not Python any more (only for modules that the ordinary import loaded).
    """
    module = definition.function.__module__
    captured = _captured(definition)
    if captured is not None:
        return captured.public_name, captured.bundle
    file = source_file(module)
    if file is None or not file.is_file() or not _defines(definition, str(file)):
        raise SourceMissing(module, workflow=definition.name)
    try:
        closure = read_closure(file, name=None if module == "__main__" else module)
    except OSError as error:
        raise SourceMissing(module, workflow=definition.name) from error
    except SyntaxError as error:
        raise _broken(error, str(file)) from error
    entry = closure.bundle.modules[closure.entry]
    if not analyse(entry.source).parses:
        try:
            compile(entry.source, str(file), "exec", dont_inherit=True)
        except SyntaxError as error:
            raise _broken(error, str(file)) from error
    return closure.entry, closure.bundle


def is_current(definition: WorkflowDefinition[..., object]) -> bool:
    """Whether no newer code of its module was loaded since this workflow was declared."""
    captured = _captured(definition)
    return captured is None or captured is captured_module(definition.function.__module__)


def describe(definition: WorkflowDefinition[..., object], *, keep_source: bool = True) -> CodeVersion:
    """Return the code version of a workflow, as `Store.register` takes it; `version` is 0: the store counts.

    Args:
        definition: of a module with source.
        keep_source: store the source too, so that old versions can be shown and run. Without it they cannot.

    Raises:
        SourceMissing: the module has no readable source.
        SourceTooLarge: the source is above what a store keeps.
    """
    module, bundle = bundle_of(definition)
    graph = definition.graph if isinstance(definition, FlowDefinition) else None
    return CodeVersion(
        workflow=definition.name,
        version=0,
        digest=digest_of(bundle),
        module=module,
        entrypoint=definition.function.__qualname__,
        source=bundle.encode(module=module) if keep_source else None,
        graph=None if graph is None else graph.as_json(),
    )


def _captured(definition: WorkflowDefinition[..., object]) -> CapturedModule | None:
    """Return what the module was run from that made this function: by its name there may be newer code by now."""
    space = getattr(unwrap(definition.function), "__globals__", {})
    if space.get("__name__") == definition.function.__module__:
        return captured_by(space.get("__spec__"))
    return captured_module(definition.function.__module__)


def _defines(definition: WorkflowDefinition[..., object], file: str) -> bool:
    # a function that `exec` or a shell made inside a module with a file is not in that file
    made_in = definition.function.__code__.co_filename
    return not (made_in.startswith("<") and made_in.endswith(">")) and file.endswith(".py")


def _broken(error: SyntaxError, file: str) -> FlowSyntaxError:
    return syntax_error(error, shown=error.filename or file)
