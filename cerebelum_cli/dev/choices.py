"""`c`: the executions that stay on older code, and what can be done about each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cerebelum.engine.domain.errors import CerebelumError

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.application.verdicts import Verdict
    from cerebelum_cli.dev.code_news import CodeNews
    from cerebelum_cli.dev.voice import Voice

_KEYS = "123456789"


class Choices:
    """Lists them with a key each; the next key cancels one, or keeps all."""

    def __init__(self, news: CodeNews, voice: Voice) -> None:
        self._news, self._voice = news, voice
        self._offered: list[Verdict] = []

    @property
    def is_asking(self) -> bool:
        """Whether the next key is an answer."""
        return bool(self._offered)

    async def ask(self, engine: Engine) -> None:
        """List those that are still open, with what each key does."""
        await self._forget_ended(engine)
        self._offered = list(self._news.kept.values())[: len(_KEYS)]
        if not self._offered:
            self._voice.block(["no execution is kept on older code"])
            return
        lines = ["kept on older code; a number cancels one, any other key keeps them as they are"]
        for key, verdict in zip(_KEYS, self._offered, strict=False):
            why = f"  ({verdict.reason})" if verdict.reason else ""
            lines.append(f"{key}  {verdict.execution_id}  {verdict.workflow}@{verdict.before[:4]}{why}")
        more = len(self._news.kept) - len(self._offered)
        if more:
            lines.append(f"   {more} more: cerebelum list; cerebelum cancel ID")
        lines.append("   try one on the new code, from where it still fits: cerebelum fork ID --at STEP --code current")
        self._voice.block(lines)

    async def answer(self, engine: Engine, key: str) -> None:
        """Cancel the one that `key` stands for, if it stands for one."""
        offered, self._offered = self._offered, []
        number = _KEYS.find(key)
        if not 0 <= number < len(offered):
            self._voice.block(["kept: they finish on their own code"])
            return
        from cerebelum.engine.application.control import cancel

        verdict = offered[number]
        try:
            await cancel(engine, verdict.execution_id, reason="its code was changed", by="cerebelum dev")
        except CerebelumError as error:  # it has ended meanwhile
            self._voice.block(str(error).split("\n"))
            return
        self._news.kept.pop(verdict.execution_id, None)
        self._voice.block([f"cancelling {verdict.execution_id}: its running step is stopped, its sagas undo"])

    async def _forget_ended(self, engine: Engine) -> None:
        for execution_id in list(self._news.kept):
            row = await engine.store.get_execution(execution_id)
            if row is None or row.ended:
                del self._news.kept[execution_id]
