"""What an editor's console is told: what is replayed, and the captured lines as the walk comes to them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from cerebelum.engine.application.replay import ExecutionReplay
from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.domain.words import versioned
from cerebelum.engine.runtime.frames import Frame
from cerebelum.engine.runtime.masking import mask_text
from cerebelum_cli.dap.messages import Message
from cerebelum_cli.dap.walk import Walk

_MOST_LINES = 1_000  # of one step; the rest is one command away
_ERRORS = frozenset({"stderr", "error", "critical", "warning"})


class Teller:
    """Tells each line once, the first time that the walk comes past it."""

    def __init__(self) -> None:
        self.told = 0  # up to this event

    def greet(self, replay: ExecutionReplay) -> Iterator[Message]:
        """Say what is shown."""
        row = replay.row
        yield _said(
            f"{row.id}  {versioned(row.workflow, replay.code.digest)}  {row.status}, {replay.event_count} events; "
            "a replay: no step runs, nothing is written. :12 goes to event 12."
        )
        for digest in replay.missing:
            yield _said(f"the code @{digest[:4]} is not stored any more: its events are shown on the version after it")

    def up_to(self, walk: Walk) -> Iterator[Message]:
        """Yield the lines that are new at the event it stands at."""
        begin, self.told = self.told, max(self.told, walk.at)
        logs = walk.index.logs
        first, end = bisect_right(logs, begin), bisect_right(logs, walk.at)
        shown, count = list[Frame](), 0
        for version in reversed(logs[first:end]):
            if count >= _MOST_LINES:
                break
            shown.append(walk.frame(version))
            count += len(shown[-1].logs)
        if len(shown) < end - first:
            yield _said(f"… lines before these: cerebelum logs {walk.replay.row.id}")
        for frame in reversed(shown):
            if frame.log_new > len(frame.logs):
                yield _said(f"… {frame.log_new - len(frame.logs)} lines before these")
            for line in frame.logs:
                yield _said(f"{line.step}: {line.message}", "stderr" if line.level in _ERRORS else "stdout")


def _said(text: str, category: str = "console") -> Message:
    body = {"category": category, "output": f"{visible(mask_text(text), keep_newlines=False)}\n"}
    return {"type": "event", "event": "output", "body": body}
