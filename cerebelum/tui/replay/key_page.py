"""The page of keys of the replay, and the keys that its last line reminds of."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.tui.acting.acting_screen import ACTING_KEYS
from cerebelum.tui.base_screen import Keys
from cerebelum.tui.places import place_keys

KEY_PAGE: Sequence[tuple[str, Keys]] = (
    ("Events", (("j k ↓ ↑", "next, previous; 5j: five on"), ("l h → ←", "next, previous of the same step"),
                ("] [", "next, previous failure"), ("home end", "before the first, the newest"),
                ("123G", "event 123"), ("pgdn pgup", "a page on, back"),
                ("/", "search"), ("b", "breakpoint on the marked line; 31b: on line 31"),
                ("n N", "next, previous match or breakpoint, as last asked"))),
    ("Time", (("space", "play, stop"), ("+ -", "faster, slower"), ("t", "follow what comes"))),
    ("Beside", (("tab shift+tab", "source, locals, context, payload, logs, watches"),
                ("J K", "next, previous value or line; scroll"), ("c", "to the event that last changed this value"),
                ("w", "watch a value over the whole past: order.total"), ("y", "copy what is marked"),
                ("e", "open the line in $EDITOR"))),
    ("Act", (*ACTING_KEYS, ("r", "replay on the code on disk; again: as it ran"))),
    ("Go to", place_keys(of_one=True)),
    ("Everywhere", ((":", "an event's number, goto ID, theme light, help"), ("?", "this page"),
                    ("^p", "all commands"), ("T", "light or dark"), ("q esc", "back"))),
    ("Marks", (("✓ ✗ ⊘", "done, failed, cancelled"), ("▸ ⇣ ⇡ ◷", "began, waits, was told, timer"),
               ("~ + -", "changed, new, gone"), ("▶ ▷ > ●", "here; another task; marked; breakpoint"))),
)  # fmt: skip
LAST_LINE: Keys = (
    ("j k", "event"), ("] [", "failure"), ("space", "play"), ("tab", "beside"), ("?", "help"), ("q", "back"),
    ("f", "fork"), ("r", "on disk"), ("h l", "step"), ("c", "cause"), ("w", "watch"), ("/", "search"), ("b", "break"), ("t", "tail"), ("e", "edit"),
    ("y", "copy"), ("123G", "go"),
)  # fmt: skip
