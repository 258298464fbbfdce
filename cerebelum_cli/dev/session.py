"""One run of `cerebelum dev`: the engine, the watch, the keys and the voice, joined until somebody ends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cerebelum.engine.application.reloading import Reloader
from cerebelum.engine.domain.errors_store import StoreError
from cerebelum.engine.runtime.code.import_failure import shown_path
from cerebelum.engine.runtime.time_control import TimeControl
from cerebelum_cli.composition import opened
from cerebelum_cli.dev.choices import Choices
from cerebelum_cli.dev.code_news import CodeNews
from cerebelum_cli.dev.dev_store import contents, counted, put_aside
from cerebelum_cli.dev.happenings import Happenings
from cerebelum_cli.dev.key_commands import KeyCommands
from cerebelum_cli.dev.keys import Keys, reads_keys
from cerebelum_cli.dev.last_resort import LastResort
from cerebelum_cli.dev.libraries import Libraries
from cerebelum_cli.dev.schedule_news import ScheduleNews
from cerebelum_cli.dev.start_up import Ready, Stopwatch, announce
from cerebelum_cli.dev.tui_in_front import show_tui
from cerebelum_cli.dev.voice import Voice
from cerebelum_cli.dev.watching import Watch, folders_below
from cerebelum_cli.interrupts import Interrupts, handled
from cerebelum_cli.own_log import configure_when_needed
from cerebelum_cli.setting_model import Settings
from cerebelum_cli.settings import node_settings, shown_store

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine

_STOP_WITHIN_S = 0.7  # what a step that runs is given at the end; it runs again next time
_QUIET_S = 0.5  # an installation writes many files: begin anew when it is done


class Plan(Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    paths: list[Path]
    url: str
    settings: Settings
    speed: float
    fresh: bool
    as_json: bool
    restarted: bool
    stopwatch: Stopwatch


class Ended(Struct, frozen=True):
    """How it ended: the exit code, and whether the process is to begin anew."""

    exit_code: int
    anew: bool = False


class Session:
    """See the module docstring."""

    def __init__(self, plan: Plan, interrupts: Interrupts) -> None:
        self._plan, self._interrupts = plan, interrupts
        self._voice = Voice(as_json=plan.as_json)
        self._news = CodeNews(self._voice)
        self._happenings = Happenings(self._voice)
        self._schedules = ScheduleNews(self._voice, plan.settings)
        self._time = TimeControl(plan.speed)
        self._libraries = Libraries()
        self._trouble: asyncio.Future[StoreError] = asyncio.get_running_loop().create_future()
        self._reloader: Reloader | None = None
        self._watch = Watch(self._folders, self._libraries.folders)
        self._keys: Keys | None = None

    async def run(self) -> Ended:
        """Run until a key, a signal, trouble or a changed library ends it.

        Raises:
            StoreError: the store cannot be used, or refused commits for too long.
            UsageProblem, StoreInUse: see `put_aside`.
        """
        aside = await put_aside(self._plan.url) if self._plan.fresh else ""
        try:
            async with self._engine() as engine:
                ended = await self._serve(engine, aside)
                if self._keys is not None:
                    self._keys.close()
                await self._watch.close()
                if ended.anew:
                    await engine.stop_node(self._plan.settings.node.stop_within_s)  # no hurry: nobody waits for an end
                await self._say_goodbye(engine, ended)
            return ended
        finally:
            if self._keys is not None:
                self._keys.close()
            self._voice.close()

    @asynccontextmanager
    async def _engine(self) -> AsyncIterator[Engine]:
        settings, url = self._plan.settings, self._plan.url
        own = url.startswith(("sqlite:", "memory:"))  # the code in one's own store is one's own
        async with opened(
            url, create=True, stop_within_s=_STOP_WITHIN_S, settings=node_settings(settings, "pin" if own else "park"),
            allow_stored_code=own or settings.node.allow_stored_code, on_event=self._happenings.on_event,
            on_trouble=lambda error: None if self._trouble.done() else self._trouble.set_result(error),
            clock=self._time,
        ) as engine:  # fmt: skip
            yield engine

    async def _serve(self, engine: Engine, aside: str) -> Ended:
        self._reloader = Reloader(engine, self._plan.paths)
        await self._watch.arm()  # before files are read: what is saved while they are is news
        with self._libraries.noticed():
            outcomes = await self._reloader.start()
        configure_when_needed()
        self._libraries.lacks_some(outcomes)
        await self._watch.arm()  # also the folders of what they import, and where what lacks would be installed
        total, here, elsewhere = await contents(engine)
        await self._schedules.keep_in_step(engine, self._reloader.serving())  # before one fires that is gone
        await engine.start_node()
        commands = KeyCommands(
            engine, self._voice, self._time, Choices(self._news, self._voice), self._plan.settings.log_level,
            show_tui=self._show_tui,
        )  # fmt: skip
        has_keys = not self._plan.as_json and reads_keys()
        announce(
            self._voice,
            Ready(
                ready_us=self._plan.stopwatch.elapsed_us(), store=self._shown_store(), executions=total, resumed=here,
                elsewhere=elsewhere, outcomes=outcomes, speed=self._plan.speed, has_keys=has_keys,
                restarted=self._plan.restarted, put_aside=aside, watched=[_shown(path) for path in self._plan.paths],
            ),
        )  # fmt: skip
        self._news.tell(outcomes, at_start=True)
        self._schedules.tell()
        if has_keys:
            self._keys = Keys(commands.press)
            self._interrupts.before_abort = self._keys.close
            self._keys.open()
        return await self._until_ended(engine, commands)

    async def _show_tui(self) -> None:
        if self._keys is not None:
            await show_tui(self._plan.url, self._keys, self._voice)

    async def _until_ended(self, engine: Engine, commands: KeyCommands) -> Ended:
        asked = asyncio.create_task(self._interrupts.asked.wait())
        following = asyncio.create_task(self._follow(engine))
        parts: list[asyncio.Task[Any]] = [
            asked, following, asyncio.create_task(self._happenings.tell_all(engine)), asyncio.create_task(commands.obey()),
            asyncio.create_task(self._voice.cut_off.wait()),
        ]  # fmt: skip
        try:
            await asyncio.wait([*parts, self._trouble], return_when=asyncio.FIRST_COMPLETED)
            if self._trouble.done():
                raise self._trouble.result()
            if asked.done():
                return Ended(self._interrupts.exit_code)
            for part in parts:
                if part.done():
                    part.result()  # raises what ended it
            return Ended(0, anew=following.done())
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _follow(self, engine: Engine) -> None:
        """Take up what is saved; return when the process must begin anew for it."""
        assert self._reloader is not None
        async for changed in self._watch.changes():
            concerning = [p for p in changed if self._reloader.concerns(p) or self._libraries.may_mend(p)]
            if not concerning:
                continue
            with self._libraries.noticed():
                outcomes = await self._reloader.reload(concerning)
            configure_when_needed()
            if self._libraries.lacks_some(outcomes):
                await self._watch.arm()
            await self._schedules.keep_in_step(engine, self._reloader.serving())
            self._news.tell(outcomes)
            self._schedules.tell()
            for outcome in outcomes:
                if outcome.reloaded is not None and outcome.reloaded.restart:
                    await self._say_restart(outcome.shown, outcome.reloaded.restart)
                    return

    async def _say_restart(self, what: str, why: str) -> None:
        memory = " The store in memory begins anew, too." if self._plan.url.startswith("memory:") else ""
        self._voice.tell("restart", f"{what}  {why}; the process begins anew.{memory}", file=what, reason=why)
        while True:
            try:
                async with asyncio.timeout(_QUIET_S):
                    await anext(self._watch.changes())
            except TimeoutError:
                return

    async def _say_goodbye(self, engine: Engine, ended: Ended) -> None:
        if ended.anew:
            return
        with contextlib.suppress(StoreError):
            await self._happenings.tell_rest(engine)
            _, here, elsewhere = await contents(engine)
            still_open = here + sum(elsewhere.values())
            if self._plan.url.startswith("memory:"):
                text = "the store in memory is gone with what it held"
            elif still_open:
                text = f"{counted(still_open, 'execution')} keep{'s' if still_open == 1 else ''} the place; go on: cerebelum dev"
            else:
                text = "no execution is open"
            self._voice.tell("stopped", text, open=still_open, exit_code=ended.exit_code)

    def _folders(self) -> set[Path]:
        found: set[Path] = set()
        for path in (path.resolve() for path in self._plan.paths):
            found.update(folders_below(path) if path.is_dir() else [path.parent])
        for path in self._reloader.files() if self._reloader is not None else ():
            found.add(path if path.is_dir() else path.parent)
        return found

    def _shown_store(self) -> str:
        return "in memory, gone at the end" if self._plan.url.startswith("memory:") else shown_store(self._plan.url)


def _shown(path: Path) -> str:
    return "this folder" if path == Path() else shown_path(str(path))


async def serve(plan: Plan) -> Ended:
    """Run a session with the signals handled: the first ends it in an orderly way, within two seconds in any case.

    Raises:
        StoreError, UsageProblem, StoreInUse: see `Session.run`.
    """
    with handled() as interrupts:
        resort = LastResort(interrupts)
        interrupts.on_first = resort.arm
        ended = await Session(plan, interrupts).run()
        if not ended.anew:
            resort.arm(ended.exit_code)  # a coroutine of a step may refuse to be cancelled
        return ended
