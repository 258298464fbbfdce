"""Graph: the workflow as a drawing, with the execution laid over it as it was at the event one stands at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Static

from cerebelum.engine.domain.drawing import DrawnNode
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.tui.base_screen import Keys
from cerebelum.tui.coalescing import Coalesced
from cerebelum.tui.graph.canvas import Canvas
from cerebelum.tui.graph.laid_over import LaidOver, TooLarge
from cerebelum.tui.graph.panel import panel_lines
from cerebelum.tui.graph.walking import neighbour_box, reading_order
from cerebelum.tui.lines import Piece, TextPane
from cerebelum.tui.places import place_bindings, place_keys
from cerebelum.tui.prompt import Prompt
from cerebelum.tui.status_line import StatusLine
from cerebelum.tui.story_screen import StoryScreen

_WIDE = 110  # cells from which on the panel stands beside
_TICK_S = 0.5  # how often the time of what runs is told
_SCROLL = (8, 4)  # cells and rows


class GraphScreen(StoryScreen):
    """The drawing, and what is so at the marked node."""

    PLACE = "graph"
    CSS = """
    GraphScreen #heading { height: auto; padding: 0 1; background: $panel; }
    GraphScreen #body { height: 1fr; layout: vertical; }
    GraphScreen #canvas { height: 1fr; width: 1fr; }
    GraphScreen #panel { height: 5; border-top: solid $faint; padding: 0 1; }
    GraphScreen #detail { height: 2; border-top: solid $faint; padding: 0 1; }
    GraphScreen.wide #body { layout: horizontal; }
    GraphScreen.wide #panel { width: 44; height: 1fr; border-top: none; border-left: solid $faint; }
    """
    KEY_PAGE_TITLE = "Graph"
    KEY_PAGE: ClassVar[Sequence[tuple[str, Keys]]] = (
        ("Nodes", (("↓ ↑ → ←", "the next node there"), ("tab shift+tab", "next, previous node"),
                   ("enter", "the replay, at the node's last event by then"))),
        ("Time", (("j k", "next, previous event"), ("l h", "next, previous event of the node"),
                  ("] [", "next, previous failure"), ("home end", "before the first, the newest"))),
        ("Look", (("J K L H", "scroll down, up, right, left"),)),
        ("Go to", place_keys(of_one=True)),
        ("Everywhere", ((":", "an event's number, goto ID, theme light, help"), ("?", "this page"),
                        ("^p", "all commands"), ("T", "light or dark"), ("q esc", "back"))),
        ("Marks", (("✓ ✗ ⊘", "done, failed, cancelled"), ("▶ ◷", "runs, waits"),
                   ("a2 \N{MULTIPLICATION SIGN}3", "second attempt; ran three times"), ("┄ ┆", "not taken"),
                   ("━ ┃", "the critical path"), ("▛▀▜", "the node that is marked"))),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "event(1)", "Next event"),
        Binding("k", "event(-1)", "Previous event"),
        Binding("l", "node_event(1)", "Next event of this node"),
        Binding("h", "node_event(-1)", "Previous event of this node"),
        Binding("home", "first", "Before the first event"),
        Binding("end", "last", "The newest event"),
        Binding("down", "node(0, 1)", "The node below"),
        Binding("up", "node(0, -1)", "The node above"),
        Binding("right", "node(1, 0)", "The node right of it"),
        Binding("left", "node(-1, 0)", "The node left of it"),
        Binding("tab", "next_node(1)", "Next node", priority=True),
        Binding("shift+tab", "next_node(-1)", "Previous node", priority=True),
        Binding("J,shift+down", "look(0, 1)", "Scroll down"),
        Binding("K,shift+up", "look(0, -1)", "Scroll up"),
        Binding("L,shift+right", "look(1, 0)", "Scroll right"),
        Binding("H,shift+left", "look(-1, 0)", "Scroll left"),
        *place_bindings(of_one=True),
    ]

    def __init__(self, execution_id: str, at: int | None = None) -> None:
        super().__init__(execution_id, at)
        self.laid_over = LaidOver(self.story)
        self.shown = -1  # the event after which it is drawn
        self._follows = True  # the mark goes where the event is
        self._redraw = Coalesced(self, self._draw_then, name="graph")

    @property
    def canvas(self) -> Canvas:
        """The drawing."""
        return self.query_one(Canvas)

    def compose(self) -> ComposeResult:
        """Heading, drawing, what is so at the marked node, and the event."""
        yield Static(id="heading")
        with Container(id="body"):
            yield Canvas()
            yield TextPane(id="panel")
        yield TextPane(id="detail")
        yield StatusLine(
            (("↑ ↓", "node"), ("j k", "event"), ("h l", "node's event"), ("enter", "replay"), ("?", "help"),
             ("q", "back"), ("] [", "failure"), ("tab", "next node"), ("HJKL", "scroll"), (":", "command"))
        )  # fmt: skip
        yield Prompt()

    def on_mount(self) -> None:
        """Begin, and let the time of what runs go on."""
        super().on_mount()
        self.set_interval(_TICK_S, self._tick)

    def on_resize(self, event: events.Resize) -> None:
        """The panel stands beside, or below."""
        self.set_class(event.size.width >= _WIDE, "wide")
        super().on_resize(event)

    @property
    def is_still(self) -> bool:
        """Whether everything is read and drawn."""
        return super().is_still and self._redraw.is_still

    # -- showing ------------------------------------------------------------------------------------------------------
    def show_story(self) -> None:
        """Tell the event at once; the drawing follows."""
        if not self.is_there:
            return
        self.show_heading()
        self.show_detail()
        self._redraw.ask()

    async def _draw_then(self) -> None:
        canvas = self.canvas
        try:
            if not await self.cerebelum.read(self.laid_over.load) or not len(self.story):
                return
        except (CerebelumError, TooLarge) as error:
            what, *advice = str(error).splitlines()
            canvas.show_problem([
                [Piece("")], [Piece("  there is no graph to show", "strong")], [Piece(f"  ✗ {what}", "bad")],
                *([Piece(f"  {line}", "dim")] for line in advice),
                [Piece("  the events can be walked all the same; enter opens the replay", "dim")],
            ])  # fmt: skip
            self.query_one("#panel", TextPane).show([])
            return
        version = self.version
        then = await self.laid_over.at(version, lambda: self.version == version)
        if then is None:  # another event is wanted by now, and asked for
            return
        canvas.show(then.plain, then.drawn)
        self.shown = version
        if self._follows or canvas.marked not in canvas.boxes:
            self._follow(version)
        self.call_after_refresh(canvas.show_marked)
        self._show_panel()

    def _follow(self, version: int) -> None:
        """Mark the node that the event is about; at first, what is active, or where it begins."""
        self._follows = False
        found, canvas = self.laid_over.node_of(version), self.canvas
        if not found and canvas.marked not in canvas.boxes and canvas.drawing is not None:
            nodes = canvas.drawing.nodes
            ran = [node for node in nodes if node.state is not None]
            found = next((node.id for node in ran if node.state and node.state.active), "") or (
                max(ran, key=lambda node: self.laid_over.last_event(node.id, version) or 0).id if ran else nodes[0].id
            )
        if found:
            canvas.mark(found)

    @property
    def marked(self) -> DrawnNode | None:
        """The node under the mark, as it was."""
        drawing = self.canvas.drawing
        return next((node for node in drawing.nodes if node.id == self.canvas.marked), None) if drawing else None

    def _show_panel(self) -> None:
        node, story = self.marked, self.story
        if node is None:
            return
        is_now = self.version == len(story) and story.is_open()
        now_us = time.time_ns() // 1_000 if is_now else story.at_us(self.version)
        last = self.laid_over.last_event(node.id, self.version)
        told = story.events[last - 1] if last is not None else None
        lines = panel_lines(node, now_us, told, is_wide=self.has_class("wide"))
        self.query_one("#panel", TextPane).show(lines, top=None)

    def _tick(self) -> None:
        if self.app.screen is self and self.story.is_open():
            self._show_panel()

    # -- keys ---------------------------------------------------------------------------------------------------------
    def go(self, version: int) -> None:
        """Stand at an event; the mark goes where it happened."""
        self._follows = True
        super().go(version)

    def action_event(self, by: int) -> None:
        """Go to the next or previous event."""
        self.go(self.version + by)

    def action_first(self) -> None:
        """Go before the first event."""
        self.go(0)

    def action_last(self) -> None:
        """Go to the newest event."""
        self.go(len(self.story))

    def action_node_event(self, direction: int) -> None:
        """Go to the next or previous event of the marked node."""
        found = self.laid_over.next_event(self.canvas.marked, self.version, direction)
        if found is None:
            self.say(f"no {'later' if direction > 0 else 'earlier'} event of this node")
        else:
            self.go(found)

    def action_node(self, dx: int, dy: int) -> None:
        """Mark the next node in a direction."""
        self._mark(neighbour_box(self.canvas.boxes, self.canvas.marked, dx, dy))

    def action_next_node(self, by: int) -> None:
        """Mark the next or previous node, as one reads."""
        order = reading_order(self.canvas.boxes)
        if order:
            at = order.index(self.canvas.marked) if self.canvas.marked in order else -by
            self._mark(order[(at + by) % len(order)])

    def _mark(self, node_id: str | None) -> None:
        if node_id is not None:
            self._follows = False
            self.canvas.mark(node_id)
            self._show_panel()

    def action_look(self, dx: int, dy: int) -> None:
        """Scroll; the mark stays."""
        self.canvas.scroll_relative(x=dx * _SCROLL[0], y=dy * _SCROLL[1], animate=False, force=True)

    async def action_open(self) -> None:
        """Open the replay at the last event of the marked node."""
        marked = self.canvas.marked
        found = self.laid_over.last_event(marked, self.version)
        if self.canvas.drawing is None:
            await self.open_replay(self.version)
        elif found is not None:
            await self.open_replay(found)
        elif self.marked is not None and self.marked.type in ("start", "end"):
            await self.open_replay(1 if self.marked.type == "start" else self.version)
        else:
            self.say("this node has no event up to here: j and k walk through the events")

    def on_canvas_node_chosen(self, event: Canvas.NodeChosen) -> None:
        """A click marks a node."""
        self._mark(event.node_id)
