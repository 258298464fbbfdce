"""Run an old version of a workflow, from the source the store kept, beside the present one.

Its modules live under `_cerebelum_pinned.<digest>`, import one another there, and see nothing of the present version;
installed packages are shared. Tracebacks and frames name them `flow.py@3f2a91bc` and show the lines that ran.
Code from a store is run only where the caller says that it may be: whoever writes to the store would run code here.
"""

from __future__ import annotations

import importlib
import linecache
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors_code import CodeNotStored, StoredCodeRefused
from cerebelum.engine.ports.store import CodeVersion
from cerebelum.engine.runtime.code.bundle import SourceBundle
from cerebelum.engine.runtime.code.digest import digest_of
from cerebelum.engine.runtime.code.import_failure import import_failure
from cerebelum.engine.runtime.code.modules import PINNED_PREFIX, CapturedModule, enclosing_packages, finder, forget
from cerebelum.engine.runtime.code.selection import is_workflow

_lock = threading.RLock()


def load_bundle(
    code: CodeVersion, *, allow_stored_code: bool = False, root: Path | None = None
) -> WorkflowDefinition[..., Any]:
    """Return the workflow of a stored version, ready to run; loaded once until `release(code.digest)`.

    Args:
        code: as the store has it, with its source.
        allow_stored_code: the configuration lets this process run code from its store.
        root: the project's folder, for old code that asks `__file__` where its data is; default: none.

    Raises:
        CodeNotStored: the version was registered without its source.
        StoredCodeRefused: not allowed, damaged, not what the digest says, or without such a workflow.
        FlowSyntaxError, FlowImportFailed: the old code does not run here any more (a package it needs is gone).
    """
    if code.source is None:
        raise CodeNotStored(code.workflow, code.digest)
    if not allow_stored_code:
        raise _refused(
            code,
            reason="this process does not run code from its store",
            hint="allow it in the configuration (`allow_stored_code = true`) if all who write to the store are trusted",
        )
    with _lock:
        kept = finder.get(_prefix(code.digest) + code.module)
        if kept is None or digest_of(kept.bundle) != code.digest:
            _install(code, _checked(code), root)
        module = _import(code)
    return _workflow_of(module, code)


def stored_sources(code: CodeVersion) -> dict[str, str]:
    """Return file name as in frames (`flow.py@3f2a91bc`) -> text, to show a version's lines without running it.

    Raises:
        CodeNotStored: the version was registered without its source.
        StoredCodeRefused: damaged, or not what the digest says.
    """
    if code.source is None:
        raise CodeNotStored(code.workflow, code.digest)
    bundle = _checked(code)
    return {pinned_filename(module.path, code.digest): module.source for module in bundle.modules.values()}


def pinned_filename(path: str, digest: str) -> str:
    """Return the file name that code of this version has in tracebacks and frames."""
    return f"{path}@{digest[:8]}"


def release(digest: str) -> None:
    """Unload a version: its modules, their source lines. Idempotent. What still runs keeps its objects alive itself."""
    with _lock:
        prefix = _prefix(digest)
        names = finder.names_under(prefix)
        for captured in filter(None, map(finder.get, names)):
            linecache.cache.pop(captured.filename, None)
        loaded = [name for name in list(sys.modules) if name.startswith(prefix)]
        packages = [prefix.removesuffix(".")]
        if not [name for name in finder.names_under(f"{PINNED_PREFIX}.") if name not in {*names, *packages}]:
            packages.append(PINNED_PREFIX)
        forget([*loaded, *packages])
        finder.remove([*names, *packages])


def _prefix(digest: str) -> str:
    return f"{PINNED_PREFIX}.{digest[:12]}."


def _checked(code: CodeVersion) -> SourceBundle:
    assert code.source is not None, "the caller has asked"
    try:
        bundle = SourceBundle.decode(code.source)
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise _refused(
            code, reason=f"it cannot be read: {error}", hint="look at the store: cerebelum db status"
        ) from error
    found = digest_of(bundle)
    if found != code.digest:
        raise _refused(
            code,
            reason=f"its digest is {found[:8]}…, so it is not the code that was registered",
            hint="someone or something changed the store; check that version of the file out and register it again",
        )
    return bundle


def _install(code: CodeVersion, bundle: SourceBundle, root: Path | None) -> None:
    if code.module not in bundle.modules:
        raise _refused(
            code, reason=f"it holds no module {code.module!r}", hint="register that version of the file again"
        )
    release(code.digest)  # the leavings of a version with the same first digits
    prefix = _prefix(code.digest)
    parts = bundle.by_module()
    modules = [_captured(name, parts[name], code.digest, prefix, root) for name in bundle.modules]
    finder.add([*enclosing_packages(prefix, bundle.modules), *modules])
    for captured in modules:
        lines = captured.source.splitlines(keepends=True)
        # without an mtime, `linecache.checkcache` does not look for a file and drop the lines
        linecache.cache[captured.filename] = (len(captured.source), None, lines, captured.filename)


def _import(code: CodeVersion) -> ModuleType:
    prefix = _prefix(code.digest)
    captured = [module for name in finder.names_under(prefix) if (module := finder.get(name))]
    entry = next(module.filename for module in captured if module.public_name == code.module)
    try:
        return importlib.import_module(prefix + code.module)
    except KeyboardInterrupt:
        release(code.digest)
        raise
    except BaseException as error:
        sources = {module.filename: module.source for module in captured}
        failure = import_failure(error, entry=entry, sources=sources)  # reads lines, so before they are released
        release(code.digest)
        raise failure from error


def _captured(name: str, bundle: SourceBundle, digest: str, prefix: str, root: Path | None) -> CapturedModule:
    module = bundle.modules[name]
    filename = pinned_filename(module.path, digest)
    return CapturedModule(
        name=prefix + name,
        public_name=name,
        source=module.source,
        filename=filename,
        file=str(root / module.path) if root else filename,
        bundle=bundle,
        is_package=module.is_package,
    )


def _workflow_of(module: ModuleType, code: CodeVersion) -> WorkflowDefinition[..., Any]:
    for value in vars(module).values():
        if is_workflow(value) and value.name == code.workflow:
            value.code = code.short_digest
            return value
    raise _refused(
        code,
        reason=f"its module {code.module!r} holds no such workflow",
        hint="declare workflows at the top of their module, not inside functions, so that they can be found again",
    )


def _refused(code: CodeVersion, *, reason: str, hint: str) -> StoredCodeRefused:
    return StoredCodeRefused(code.workflow, code.digest, reason=reason, hint=hint)
