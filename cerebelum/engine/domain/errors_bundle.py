"""Errors of bundles: executions that are exported to a file, and imported from one."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.engine.domain.errors import CerebelumError


class BundleRefused(CerebelumError):
    """A file is no bundle, is damaged, or holds what no bundle of ours does. Nothing was imported."""

    code = "CB340"
    exit_code = 2

    def __init__(self, name: str, problem: str, *, line: int = 0) -> None:
        where = f"line {line}: " if line else ""
        super().__init__(
            f"{name} is refused; nothing was imported\n  {where}{problem}\n"
            f"  help: export it again: cerebelum export ID -o FILE"
        )
        self.problem, self.line = problem, line


class ImportConflict(CerebelumError):
    """An id, or the code, that a bundle brings is taken here by something else. Nothing was imported."""

    code = "CB341"
    exit_code = 5

    def __init__(self, what: Sequence[str], help_: str) -> None:
        shown = "\n".join(f"  {line}" for line in what[:5])
        more = f"\n  … and {len(what) - 5} more" if len(what) > 5 else ""
        super().__init__(f"nothing was imported: an import never replaces anything\n{shown}{more}\n  help: {help_}")
        self.what = tuple(what)


class RedactionRefused(CerebelumError):
    """A path or rule of a redaction has no clear meaning, or fits nothing. Nothing was written."""

    code = "CB342"
    exit_code = 2

    def __init__(self, problem: str, *, help_: str = "cerebelum export --help") -> None:
        super().__init__(f"{problem}; nothing was written\n  help: {help_}")
        self.problem = problem


class CopyNeverEnds(CerebelumError):
    """An imported copy of an execution that had not ended: it never runs here, so it has no result."""

    code = "CB343"
    exit_code = 5

    def __init__(self, execution_id: str) -> None:
        super().__init__(
            f"{execution_id} is an imported copy of an execution that had not ended when it was exported; it never runs"
            f" here, so it has no result\n  help: look at what it did: cerebelum replay {execution_id}"
        )
        self.execution_id = execution_id


class BundleTooLarge(CerebelumError):
    """An export would be larger than an import takes. What was written of it was removed."""

    code = "CB344"
    exit_code = 2

    def __init__(self, execution_id: str, *, limit_bytes: int) -> None:
        super().__init__(
            f"the bundle of {execution_id} is over the limit of {limit_bytes:,} bytes; nothing was kept of it\n"
            f"  help: leave its log lines out, --redact-rule logs, or export its children one by one"
        )
        self.execution_id, self.limit_bytes = execution_id, limit_bytes
