"""An empty project to edit in."""

from __future__ import annotations

from tests.engine.reloading.conftest import folder

__all__ = ["folder"]
