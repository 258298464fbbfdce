"use strict";
// The token is in the cookie by now: it should not stay in the address bar, the history, or a screenshot.
history.replaceState(null, "", location.pathname);
document.addEventListener("DOMContentLoaded", () => {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  document.querySelector("#terminal").dataset.sessionWebsocketUrl = `${scheme}//${location.host}/ws`;
  document.querySelector("#again").addEventListener("click", () => location.reload());
});
