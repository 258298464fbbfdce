"""Errors of finding, loading and keeping the user's code. All but an unknown name leave with exit code 9."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.engine.domain.errors import CerebelumError


def excerpt(line_number: int, line: str, *, caret_column: int | None = None, caret_width: int = 1) -> str:
    """Return one source line as messages show it; `caret_column` counts characters from 0."""
    gutter = f"  > {line_number} | "
    if caret_column is None:
        return f"{gutter}{line}"
    # a tab must stay a tab, or the caret would stand elsewhere than its column
    lead = "".join("\t" if character == "\t" else " " for character in line[:caret_column])
    return f"{gutter}{line}\n{' ' * (len(gutter) - 2)}| {lead}{'^' * max(1, caret_width)}"


class FlowNotFound(CerebelumError):
    """The file to load is not there, or is a folder."""

    code = "CB101"
    exit_code = 9

    def __init__(self, path: str, *, similar: Sequence[str] = (), reason: str = "there is no such file") -> None:
        lines = [f"cannot load flow {path!r}: {reason}"]
        if similar:
            lines.append(f"  similar: {', '.join(similar)}")
            lines.append(f"  help: cerebelum run {similar[0]}")
        else:
            lines.append("  help: check the path; it is looked up from the folder you are in")
        super().__init__("\n".join(lines))
        self.path, self.similar = path, tuple(similar)


class FlowSyntaxError(CerebelumError):
    """The flow's file, or a local module it imports, is not valid Python. Columns count characters from 1."""

    code = "CB102"
    exit_code = 9

    def __init__(
        self, path: str, *, line_number: int, reason: str, line: str = "", column: int | None = None, width: int = 1
    ) -> None:
        shown = excerpt(line_number, line, caret_column=None if column is None else column - 1, caret_width=width)
        super().__init__(
            f"{path}:{line_number} is not valid Python: {reason}\n"
            f"{shown}\n"
            f"  help: mend the line, then check it with `python -m py_compile {path}`"
        )
        self.path, self.line_number, self.column, self.reason, self.line = path, line_number, column, reason, line


class FlowImportFailed(CerebelumError):
    """The flow's code raised while it was imported. The exception is the `__cause__`."""

    code = "CB103"
    exit_code = 9

    def __init__(self, path: str, *, line_number: int, line: str, error: str, hint: str) -> None:
        super().__init__(
            f"{path}:{line_number} raised while the flow was imported: {error}\n"
            f"{excerpt(line_number, line)}\n"
            f"  help: {hint}"
        )
        self.path, self.line_number, self.line, self.error = path, line_number, line, error


class NoWorkflow(CerebelumError):
    """The file was imported and declares no workflow. `near_misses`: (line number, signature line)."""

    code = "CB104"
    exit_code = 9

    def __init__(self, path: str, *, near_misses: Sequence[tuple[int, str]] = ()) -> None:
        lines = [f"{path} has no function under @workflow"]
        lines += [excerpt(number, line) for number, line in near_misses[:3]]
        if near_misses:
            lines.append(
                f"  help: put `@workflow` above line {near_misses[0][0]} (`from cerebelum import workflow`), then"
            )
            lines.append(f"        cerebelum run {path}")
        else:
            lines.append("  help: put `@workflow` above an `async def` (`from cerebelum import workflow`);")
            lines.append("        see one: cerebelum explain CB104")
        super().__init__("\n".join(lines))
        self.path, self.near_misses = path, tuple(near_misses)


class SeveralWorkflows(CerebelumError):
    """The file declares several workflows, and none was named."""

    code = "CB105"
    exit_code = 9

    def __init__(self, path: str, names: Sequence[str]) -> None:
        choices = "\n".join(f"    cerebelum run {path}:{name}" for name in names)
        super().__init__(f"{path} has {len(names)} workflows; say which one:\n{choices}")
        self.path, self.names = path, tuple(names)


class WorkflowNotInFlow(CerebelumError):
    """The file has no workflow of the name that was asked for."""

    code = "CB107"
    exit_code = 3

    def __init__(self, path: str, name: str, *, known: Sequence[str], nearest: str | None = None) -> None:
        lines = [f"{path} has no workflow {name!r}", f"  known: {', '.join(known) or 'none'}"]
        choice = nearest or (known[0] if known else None)
        lines.append(
            f"  help: cerebelum run {path}:{choice}" if choice else "  help: put `@workflow` above an `async def`"
        )
        super().__init__("\n".join(lines))
        self.path, self.name, self.known, self.nearest = path, name, tuple(known), nearest


class SourceMissing(CerebelumError):
    """A workflow's module has no readable source: made in an interactive shell, by `exec`, or shipped as bytecode."""

    code = "CB108"
    exit_code = 9

    def __init__(self, module: str, *, workflow: str) -> None:
        super().__init__(
            f"Cannot find source for module {module!r}, which defines workflow {workflow!r}\n"
            f"  A version of a workflow is known by its source, so that open executions survive a change of it.\n"
            f"  help: put the workflow into a file, then `cerebelum run FILE.py:{workflow}`"
        )
        self.module, self.workflow = module, workflow


class CodeNotStored(CerebelumError):
    """The source of this version was not kept, so it can be neither run nor shown."""

    code = "CB109"
    exit_code = 9

    def __init__(self, workflow: str, digest: str) -> None:
        super().__init__(
            f"the source of workflow {workflow!r} @{digest[:8]} is missing: it was registered without its source\n"
            f"  help: check that version of the file out again, then `cerebelum check FLOW.py`; or let the execution\n"
            f"        continue on the present code where its history fits"
        )
        self.workflow, self.digest = workflow, digest


class StoredCodeRefused(CerebelumError):
    """Source from the store was not run: not allowed here, damaged, or not what its digest says."""

    code = "CB110"
    exit_code = 9

    def __init__(self, workflow: str, digest: str, *, reason: str, hint: str) -> None:
        super().__init__(
            f"the stored source of workflow {workflow!r} @{digest[:8]} was not run: {reason}\n  help: {hint}"
        )
        self.workflow, self.digest, self.reason = workflow, digest, reason


class SourceTooLarge(CerebelumError):
    """The source of a workflow with its local modules is above the limit of what the store keeps."""

    code = "CB111"
    exit_code = 9

    def __init__(self, module: str, *, size_bytes: int, limit_bytes: int, largest: Sequence[str] = ()) -> None:
        super().__init__(
            f"the source of module {module!r} and the local modules it imports takes {size_bytes:,} bytes; "
            f"the limit is {limit_bytes:,}\n"
            f"  largest: {', '.join(largest)}\n"
            f"  help: move data out of the code into a file of its own, or register without keeping the source"
        )
        self.module, self.size_bytes, self.limit_bytes = module, size_bytes, limit_bytes
