"""Schedules above workflows are kept in step with the code that serves, and what that changed is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cerebelum.engine.application.declared_schedules import modules_of
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum_cli.declared_schedules import register_declared

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.runtime.code.loading import LoadedFlow
    from cerebelum_cli.dev.voice import Voice
    from cerebelum_cli.setting_model import Settings


class ScheduleNews:
    """See the module docstring."""

    def __init__(self, voice: Voice, settings: Settings) -> None:
        self._voice, self._settings = voice, settings
        self._modules: frozenset[str] = frozenset()  # that served when this last looked
        self._lines: list[str] = []
        self._error: CerebelumError | None = None
        self._told: list[str] = []

    async def keep_in_step(self, engine: Engine, flows: Iterable[LoadedFlow]) -> None:
        """Register what these files declare, and pause what nobody declares any more; `tell` says what came of it."""
        flows = list(flows)
        modules = frozenset(name for flow in flows for name in modules_of(flow))
        self._lines, self._error = [], None
        try:
            self._lines = await register_declared(engine, flows, self._settings, gone=self._modules - modules)
        except CerebelumError as error:
            self._error = error
        self._modules = modules

    def tell(self) -> None:
        """Tell what the last look changed, and a fault once."""
        for line in self._lines:
            first, *more = line.split("\n")
            self._voice.tell("schedules", first.removeprefix("schedules "), more, message=line)
        told: list[str] = []
        if self._error is not None:
            told = [*str(self._error).split("\n"), *getattr(self._error, "__notes__", ())]
            if told != self._told:
                self._voice.tell("error", told[0], told[1:], code=self._error.code, message="\n".join(told))
        self._lines, self._told = [], told
