"""From box to box: which one lies next in a direction."""

from __future__ import annotations

from collections.abc import Mapping

from cerebelum.engine.domain.renderers.box_picture import Box

_ASIDE = 3  # how much farther a box counts that lies aside by the same number of cells


def reading_order(boxes: Mapping[str, Box]) -> list[str]:
    """Return the nodes from top to bottom, and in a row from left to right."""
    return sorted(boxes, key=lambda name: (boxes[name].top, boxes[name].left))


def neighbour_box(boxes: Mapping[str, Box], name: str, dx: int, dy: int) -> str | None:
    """Return the nearest node left (-1, 0), right, above (0, -1) or below; None where there is none."""
    if name not in boxes:
        return next(iter(reading_order(boxes)), None)
    here = boxes[name]
    found = []
    for other, box in boxes.items():
        across = (box.left + box.width / 2) - (here.left + here.width / 2)
        down = (box.top - here.top) * 2  # a cell is about twice as high as it is wide
        ahead, aside = (across * dx, abs(down)) if dx else (down * dy, abs(across))
        is_ahead = (
            (box.left >= here.left + here.width if dx > 0 else box.left + box.width <= here.left) if dx else ahead > 0
        )
        if other != name and is_ahead:
            found.append((ahead + aside * _ASIDE if dx else ahead * _ASIDE + aside, other))
    return min(found)[1] if found else None
