"""What the branches of a flow share, as frames show it: the context as it is recorded, or the state of a workflow of edges."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from cerebelum.engine.runtime.flow_frames import FlowPlaces
from cerebelum.engine.runtime.frames import MAX_LOCALS
from cerebelum.engine.runtime.rendering import Change, changes, render_named
from cerebelum.engine.runtime.run import WorkflowRun


class FlowContext:
    """The context after the newest event, and what changed against the one before.

    Attributes:
        text: all of it, rendered.
        values: by key, rendered; MAX_LOCALS at most.
        changed: of these.
    """

    def __init__(self) -> None:
        self.text: str | None = None
        self.values: dict[str, str] = {}
        self.changed: list[Change] = []
        self._held: Any = {}
        self._is_state = False

    def look(self, run: WorkflowRun, places: FlowPlaces | None, *, has_run: bool) -> None:
        """Look again, if the code has run since."""
        if run.started is None:
            return
        if not has_run and self.text is not None:
            self.changed = []
            return
        self._held = self._now(run, places)
        before, held = self.values, self._held
        shared = held.items() if isinstance(held, dict) else [("state", held)]
        self.values = {str(key): render_named(str(key), value) for key, value in islice(shared, MAX_LOCALS)}
        self.changed = changes(before, self.values)
        self.text = render_named("context", held)

    def scopes(self, run: WorkflowRun) -> list[Mapping[str, Any]]:
        """Return what names mean in the context, and `context` itself."""
        if run.started is None:
            return []
        held = self._held if self._is_state else run.recorded_context.held()
        own = [{str(key): value for key, value in held.items()}] if isinstance(held, dict) else []
        return [*own, {"context": held, "state": held}]

    def _now(self, run: WorkflowRun, places: FlowPlaces | None) -> Any:
        main = next((task for task in run.loop.tasks.values() if task.get_name() == "main"), None)
        if places is not None and main is not None:
            state = places.state(main.get_coro())
            if state is not None:
                self._is_state = True
                return state
        return self._held if self._is_state else run.recorded_context.held()
