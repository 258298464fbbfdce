"""`cerebelum replay [ID] --dap`: finds the execution, and serves editors."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cerebelum_cli.dap.framing import NotTheProtocol
from cerebelum_cli.dap.messages import BadRequest, Launch
from cerebelum_cli.dap.session import Loaded, Session
from cerebelum_cli.streams import err

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.application.replay import ExecutionReplay
    from cerebelum.engine.domain.execution import ExecutionRow


@dataclass(frozen=True, slots=True)
class Adapter:
    """What the command line says.

    Attributes:
        text: the execution, "" where the editor says which.
        url: of the store.
        to: the last event that is shown; None: the newest.
        code: replay on this code; None: on the code that ran.
        port: to listen on; None: standard input and output.
    """

    text: str
    url: str
    to: int | None
    code: str | None
    port: int | None

    def serve(self) -> None:
        """Serve editors: over standard input and output until the editor has gone, over TCP until interrupted.

        Raises:
            CerebelumError: the execution cannot be shown. Nobody was served.
            AdapterPortTaken, NotAnEditor: see there.
        """
        if self.text:
            from cerebelum_cli.composition import run_async

            run_async(self._check())  # what is wrong is said before an editor comes
        if self.port is not None:
            self._serve_tcp(self.port)
        else:
            self._serve_stdio()

    def _serve_stdio(self) -> None:
        from cerebelum_cli.dap.stdio import serve_stdio
        from cerebelum_cli.errors import NotAnEditor
        from cerebelum_cli.output import is_terminal

        if is_terminal(sys.stdin):
            err(
                "waiting for an editor on standard input and output; Ctrl-C ends it. For one that connects: --dap-port 0"
            )
        try:
            serve_stdio(Session(self._asked))
        except NotTheProtocol as problem:
            raise NotAnEditor(str(problem)) from None

    def _serve_tcp(self, port: int) -> None:
        from cerebelum_cli.dap.tcp import HOST, listen, serve_tcp
        from cerebelum_cli.errors import AdapterPortTaken

        try:
            listening = listen(port)
        except OSError as error:
            raise AdapterPortTaken(port, error.strerror or str(error)) from None
        with listening:
            what = self.text or "the execution that they name"
            err(f"editors connect to {HOST}:{listening.getsockname()[1]} and walk {what}; Ctrl-C ends it")
            serve_tcp(listening, lambda: Session(self._asked), err)

    def _asked(self, asked: Launch) -> Loaded:
        """Load what an editor asks for. Whoever can connect must not choose a file whose code is imported."""
        from cerebelum_cli.composition import project_of
        from cerebelum_cli.settings import url_of

        if self.port is not None and asked.store:
            raise BadRequest("name the store where the adapter is started: cerebelum replay --dap-port N --store URL")
        if self.port is not None and self.text and asked.program not in ("", self.text):
            raise BadRequest(f"this adapter shows {self.text}; one that shows any is started without an ID")
        text = asked.program or self.text
        if not text:
            raise BadRequest('which execution? "program" in launch.json: its id, @last or @last-failed')
        url = url_of(asked.store) if asked.store else self.url
        project = project_of(url)
        return Loaded(self._load(text, url), [Path.cwd(), *([project] if project is not None else [])])

    def _load(self, text: str, url: str) -> ExecutionReplay:
        from cerebelum_cli.composition import run_async

        return run_async(self._replay(text, url))

    async def _check(self) -> None:
        from cerebelum_cli.composition import reading

        async with reading(self.url) as engine:
            await self._find(engine, self.text)

    async def _find(self, engine: Engine, text: str) -> ExecutionRow:
        from cerebelum.engine.application import query
        from cerebelum_cli.errors import EventNotFound

        execution_id = await query.resolve_id(engine, text)
        row = (await query.get_execution(engine, execution_id)).row
        if self.to is not None and self.to > row.last_version:
            raise EventNotFound(execution_id, self.to, row.last_version)
        return row

    async def _replay(self, text: str, url: str) -> ExecutionReplay:
        from cerebelum.engine.application.replay import replay_execution
        from cerebelum.engine.runtime.code.digest import describe
        from cerebelum_cli.composition import reading
        from cerebelum_cli.flows import load_target

        async with reading(url) as engine:
            row = await self._find(engine, text)
            definition = None
            if self.code is not None:
                definition = load_target(self.code if ":" in self.code else f"{self.code}:{row.workflow}").definition
                definition.code = describe(definition).short_digest
            return await replay_execution(engine, row.id, definition=definition, to_version=self.to)
