"""An import system that is as before after each test: `flow.py` is the name of a module in many of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from cerebelum.engine.runtime.code.modules import finder, forget

_MADE_BY_THE_ENGINE = "_cerebelum_"  # packages that stand for pinned code and for flows that are files


@contextmanager
def imports_undone(folder: Path) -> Iterator[None]:
    """Unload what was imported from below `folder` or from stored code meanwhile; no library, no part of the engine."""
    modules, path, captured = set(sys.modules), list(sys.path), set(finder.names_under(""))
    yield
    new = {name: module for name, module in sys.modules.items() if name not in modules}
    ours = {name for name, module in new.items() if name.startswith(_MADE_BY_THE_ENGINE) or _lies_in(folder, module)}
    answered = set(finder.names_under("")) - captured
    forget([*answered, *ours])
    finder.remove(answered)
    sys.path[:] = path


def _lies_in(folder: Path, module: ModuleType) -> bool:
    return str(getattr(module, "__file__", None) or "").startswith(f"{folder}{os.sep}")
