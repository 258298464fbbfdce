"""Where one can go: each further screen, its key and its name after `:`. A row here is all that leads there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from cerebelum.tui.base_screen import BaseScreen, Keys


@dataclass(frozen=True)
class Place:
    """A screen that others lead to.

    Attributes:
        name: what is typed after `:`.
        key: as Textual calls it.
        screen: `module:Class`, imported when somebody goes there.
        of_one: it is about one execution, and is made with its id and the event one stood at (None: none); else with
            nothing.
    """

    name: str
    key: str
    meaning: str
    screen: str
    of_one: bool = True

    def make(self, execution_id: str, at: int | None) -> Screen[Any]:
        """Return the screen."""
        module, _, name = self.screen.partition(":")
        kind = getattr(import_module(module), name)
        made: Screen[Any] = kind(execution_id, at) if self.of_one else kind()
        return made


PLACES: tuple[Place, ...] = (
    Place("timeline", "g", "Timeline: when everything was", "cerebelum.tui.timeline.screen:TimelineScreen"),
    Place("graph", "m", "Graph: the workflow as a drawing", "cerebelum.tui.graph.screen:GraphScreen"),
    Place(
        "compare", "d", "Compare with what it was forked from, or another", "cerebelum.tui.compare.screen:CompareScreen"
    ),
    Place("logs", "L", "the log lines", "cerebelum.tui.logs.screen:LogsScreen"),
    Place("inputs", "i", "what waits for people", "cerebelum.tui.inputs.screen:InputsScreen", of_one=False),
    Place("schedules", "S", "the schedules", "cerebelum.tui.schedules.screen:SchedulesScreen", of_one=False),
    Place("nodes", "N", "the nodes", "cerebelum.tui.nodes.screen:NodesScreen", of_one=False),
)


def place_named(name: str) -> Place:
    """Return a row. Raises `KeyError`: there is none of this name."""
    for each in PLACES:
        if each.name == name:
            return each
    raise KeyError(name)


def place_bindings(*, of_one: bool = False) -> list[BindingType]:
    """Return the keys that lead to other screens; `of_one`: only to those about one execution."""
    return [Binding(each.key, f"go_to('{each.name}')", each.meaning) for each in PLACES if each.of_one or not of_one]


def place_keys(*, of_one: bool = False) -> Keys:
    """Return the same for a page of keys."""
    return tuple((each.key, each.meaning) for each in PLACES if each.of_one or not of_one)


class LeadingScreen(BaseScreen):
    """A screen from which others are reached. A subclass takes `place_bindings` among its own, and says where it stands."""

    NO_EXECUTION: ClassVar[str] = "there is no execution to look at"

    def standing_at(self) -> tuple[str, int | None] | None:
        """Return the execution one looks at, and the event; None where there is none."""
        raise NotImplementedError

    async def action_go_to(self, name: str) -> None:
        """Open a screen over this one."""
        place = place_named(name)
        standing = self.standing_at()
        if place.of_one and standing is None:
            self.say(self.NO_EXECUTION)
            return
        execution_id, at = standing or ("", None)
        await self.app.push_screen(place.make(execution_id, at))

    async def run_command(self, text: str) -> None:
        """Do what was typed after `:`; the name of a place leads there."""
        name = text.strip()
        if any(name == each.name for each in self._reachable()):
            await self.action_go_to(name)
        else:
            await super().run_command(text)

    def _reachable(self) -> Iterator[Place]:
        actions = {each.action for bound in self._bindings.key_to_bindings.values() for each in bound}
        return (each for each in PLACES if f"go_to('{each.name}')" in actions)
