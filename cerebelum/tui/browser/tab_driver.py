"""The driver of an application that a browser's tab shows. It ends with the server, however that ends."""

from __future__ import annotations

import asyncio
from typing import Any

from textual import messages
from textual.drivers.web_driver import WebDriver

NAME = f"{__name__}:TabDriver"  # as Textual takes it from TEXTUAL_DRIVER


class TabDriver(WebDriver):
    """Textual's, which goes on for ever after nobody writes to it any more."""

    def start_application_mode(self) -> None:
        """Begin."""
        self._end_loop = asyncio.get_running_loop()
        super().start_application_mode()

    def run_input_thread(self) -> None:
        """Read what is typed until there is no more to come; then leave."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            leaving: Any = self._app._post_message(messages.ExitApp())  # noqa: SLF001 - as Textual's own drivers do
            asyncio.run_coroutine_threadsafe(leaving, loop=self._end_loop)
