"""What a fork takes over, line by line: each payload that may be changed, and what it is to become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cerebelum.engine.application.fork_offers import Offer
from cerebelum.tui.lines import Line, LineView, Piece

_NAME_CELLS = 28


class OfferList(LineView):
    """`changed`: target -> the text that was typed for it."""

    def __init__(self) -> None:
        super().__init__(id="offers")
        self.offers: Sequence[Offer] = ()
        self.changed: Mapping[str, str] = {}

    @property
    def selected(self) -> Offer | None:
        """The payload under the mark."""
        return self.offers[self.cursor] if 0 <= self.cursor < len(self.offers) else None

    def show_offers(self, offers: Sequence[Offer], changed: Mapping[str, str]) -> None:
        """Replace what is shown; the mark stays on the payload that it was put on."""
        target = self.selected.target if self.selected is not None else None
        self.offers, self.changed = offers, changed
        self.resize_to(len(offers))
        at = next((place for place, offer in enumerate(offers) if offer.target == target), 0)
        self.move_to(at if offers else -1)
        self.refresh()

    def line_at(self, index: int, width: int) -> Line:
        """Return one payload's line."""
        offer = self.offers[index]
        digits = len(str(max((each.version for each in self.offers), default=0)))
        cells = min(_NAME_CELLS, max((len(each.target) for each in self.offers), default=0))
        rest = max(0, width - cells - digits - 6)
        typed = self.changed.get(offer.target)
        value = Piece(offer.shown, "bad" if offer.failed else "dim", rest)
        if typed is not None:
            value = Piece(f"→ {'•••' if offer.is_secret else typed}", "changed", rest)
        return [
            Piece("▌" if index == self.cursor else " ", "accent"),
            Piece("~ " if typed is not None else "✗ " if offer.failed else "  ", "changed" if typed is not None else "bad"),
            Piece(f"{offer.version:>{digits}}  ", "faint"),
            Piece(offer.target, "busy", cells),
            Piece(" "),
            value,
        ]  # fmt: skip
