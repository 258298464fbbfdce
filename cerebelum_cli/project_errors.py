"""What can go wrong when a project is begun from a template. In each case nothing was written."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from cerebelum.engine.domain.errors import CerebelumError


class TemplateUnknown(CerebelumError):
    """No template has this name."""

    code = "CB240"
    exit_code = 3

    def __init__(self, name: str, *, known: Sequence[str], nearest: str | None) -> None:
        close = f". Did you mean: {nearest!r}?" if nearest else ""
        super().__init__(
            f"no template {name!r}{close}\n"
            f"  there are: {', '.join(known)}\n"
            f"  help: cerebelum init FOLDER --template {nearest or known[0]}, or cerebelum init --list"
        )
        self.name, self.known, self.nearest = name, tuple(known), nearest


class ProjectFilesExist(CerebelumError):
    """Files of the template are in the folder already."""

    code = "CB241"
    exit_code = 5

    def __init__(self, folder: str, template: str, paths: Sequence[str]) -> None:
        files = "this file exists" if len(paths) == 1 else f"these {len(paths)} files exist"
        listed = "".join(f"\n    {path}" for path in paths)
        super().__init__(
            f"nothing was written, because {files} already:{listed}\n"
            f"  help: take a new folder: cerebelum init FOLDER --template {template}\n"
            f"  help: or replace what is there, for good: "
            f"cerebelum init {shlex.quote(folder)} --template {template} --force"
        )
        self.folder, self.template, self.paths = folder, template, tuple(paths)


class ProjectNotWritten(CerebelumError):
    """The folder cannot take the project."""

    code = "CB242"
    exit_code = 2

    def __init__(self, folder: str, template: str, reasons: Sequence[str]) -> None:
        listed = "".join(f"\n    {reason}" for reason in reasons)
        super().__init__(
            f"the project cannot be written to {folder}; nothing was changed:{listed}\n"
            f"  help: mend that, or take another folder: cerebelum init FOLDER --template {template}"
        )
        self.folder, self.template, self.reasons = folder, template, tuple(reasons)
