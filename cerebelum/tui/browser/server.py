"""Serves the page, its files and the websocket of each tab, each to those that the guard lets in."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import textual_serve
from aiohttp import WSMsgType, web

from cerebelum.tui.browser.guard import Guard
from cerebelum.tui.browser.tab import Tab, within

TABS_MOST = 16  # each has a process of its own
_PAGE = Path(__file__).with_name("page")
_STATIC = Path(textual_serve.__file__).with_name("static")
_OWN_FILES = ("page.js", "page.css")
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address holds the token
    "Server": "cerebelum",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws://{host} wss://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BrowserServer:
    """The server.

    Args:
        command: what shows the interface in a tab's process: program and arguments.
        environ: what that process has in its environment beside ours.
    """

    def __init__(self, guard: Guard, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._guard, self._command, self._environ = guard, command, environ
        self._tabs: set[Tab] = set()
        self._sockets: set[web.WebSocketResponse] = set()

    @asynccontextmanager
    async def serving(self, listening: socket.socket) -> AsyncIterator[None]:
        """Serve inside; at the end every tab is closed and its process gone."""
        app = web.Application(middlewares=[self._guarded])
        app.on_response_prepare.append(_add_headers)
        app.on_shutdown.append(self._close_tabs)
        app.router.add_get("/", self._page)
        app.router.add_get("/ws", self._tab)
        for name in _OWN_FILES:
            app.router.add_get(f"/{name}", self._own_file)
        app.router.add_static("/static", _STATIC)
        runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=20)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            yield
        finally:
            await runner.cleanup()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        tokens = (request.query.get("token"), request.cookies.get(self._guard.cookie))
        refusal = self._guard.refusal(request.headers, tokens, is_socket=request.path == "/ws")
        if refusal:
            return web.Response(status=403, text=f"403: {refusal}\n")
        return await handler(request)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        response = web.Response(text=(_PAGE / "index.html").read_text(encoding="utf-8"), content_type="text/html")
        response.headers["Content-Security-Policy"] = _POLICY.format(host=request.headers["Host"])
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(self._guard.cookie, self._guard.token, httponly=True, samesite="Strict", path="/")
        return response

    async def _own_file(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGE / request.path.removeprefix("/"))

    async def _tab(self, request: web.Request) -> web.StreamResponse:
        if len(self._tabs) >= TABS_MOST:
            return web.Response(status=503, text=f"503: {TABS_MOST} tabs are open already: close one\n")
        websocket = web.WebSocketResponse(heartbeat=15)

        async def close() -> None:
            await websocket.close()

        async def write_bytes(data: bytes) -> None:
            with suppress(ConnectionError):  # the tab is closed: what the application still shows is thrown away
                await websocket.send_bytes(data)

        async def write_str(text: str) -> None:
            with suppress(ConnectionError):
                await websocket.send_str(text)

        tab = Tab(self._command, self._environ, write_bytes=write_bytes, write_str=write_str, close=close)
        self._tabs.add(tab)
        self._sockets.add(websocket)
        try:
            await websocket.prepare(request)
            await tab.start(_wanted(request, "width", 80), _wanted(request, "height", 24))
            async for message in websocket:
                if message.type == WSMsgType.TEXT:
                    with suppress(ValueError):
                        await tab.take(json.loads(message.data))
        finally:
            self._sockets.discard(websocket)
            await asyncio.shield(tab.stop())
            self._tabs.discard(tab)
        return websocket

    async def _close_tabs(self, _: web.Application) -> None:
        await asyncio.gather(*(tab.stop() for tab in self._tabs))
        await asyncio.gather(*(websocket.close() for websocket in tuple(self._sockets)))


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _wanted(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return within(int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else default
