"""Loads the flows that `check` found, and replays the executions of a store on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from cerebelum.engine.application.history_checks import HistoryCheck, by_name, check_histories
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.errors import CerebelumError, DefinitionError
from cerebelum.engine.runtime.code.digest import describe
from cerebelum.engine.runtime.code.import_failure import shown_path
from cerebelum.engine.runtime.code.loading import load_flow
from cerebelum.engine.runtime.interception import install
from cerebelum_cli.checked_files import Unloadable

AnyWorkflow = WorkflowDefinition[..., Any]


class CheckedHistories(Struct, frozen=True):
    """What became of the executions.

    Attributes:
        skipped: workflow -> executions that were left out, because nothing at the path declares it.
        files: workflow -> the file that declares it, as people type it.
    """

    histories: list[HistoryCheck]
    skipped: dict[str, int]
    unloadable: list[Unloadable]
    files: dict[str, str]


async def check_store(
    url: str, flows: Sequence[Path], *, ended: bool, last: int | None, imported: bool
) -> CheckedHistories:
    """Replay the executions of a store whose workflows the files declare.

    Args:
        imported: also those whose workflows the files import from modules beside them.

    Raises:
        StoreError: the store is not there, or cannot be read.
    """
    from cerebelum_cli.composition import reading

    async with reading(url) as engine:
        definitions, files, unloadable = load_flows(flows, imported=imported)
        skipped: dict[str, int] = {}
        choose = by_name(definitions)
        checks = check_histories(engine, choose, ended=ended, last=last, skipped=skipped)
        return CheckedHistories([check async for check in checks], skipped, unloadable, files)


def load_flows(
    flows: Sequence[Path], *, imported: bool
) -> tuple[dict[str, AnyWorkflow], dict[str, str], list[Unloadable]]:
    """Load files; return the workflows by name, the file of each, and what cannot be loaded."""
    install()  # before flows are imported: a module may keep `time.time` under a name of its own
    definitions: dict[str, AnyWorkflow] = {}
    files: dict[str, str] = {}
    unloadable: list[Unloadable] = []
    for file in flows:
        shown = shown_path(str(file))
        try:
            flow = load_flow(file)
            for definition in (*flow.workflows, *(flow.imported if imported else ())):
                known = files.get(definition.name)
                if known is not None and definitions[definition.name] is not definition:
                    raise DefinitionError(
                        f"workflow {definition.name!r} is declared in {known} and in {shown}\n"
                        f"  help: check them one by one: cerebelum check {shown}"
                    )
                definition.code = describe(definition).short_digest
                definitions[definition.name], files[definition.name] = definition, shown
        except CerebelumError as error:
            unloadable.append(Unloadable(shown, error.code, str(error)))
    return definitions, files, unloadable
