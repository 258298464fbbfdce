"""The settings that count for this command: defaults < the user's file < the project's < environment < flags."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cerebelum.engine.runtime.node import NodeSettings
    from cerebelum_cli.setting_layers import Given, Settled
    from cerebelum_cli.setting_model import Settings

DEFAULT_STORE = ".cerebelum/dev.db"


def settled(flags: Sequence[Given] = ()) -> Settled:
    """Return the settings for the working folder and this environment, with `flags` over them.

    Raises:
        UnknownSetting, SettingRefused, SettingsUnreadable: something is wrong with one.
    """
    from cerebelum_cli.setting_layers import settle

    return settle(Path.cwd(), os.environ, flags) if flags else _settled_without_flags(str(Path.cwd()), _variables())


def flag(name: str, place: tuple[str, ...], value: object) -> list[Given]:
    """Return what a flag of the command line gives: nothing where it was not typed."""
    from cerebelum_cli.setting_layers import Given

    return [] if value is None else [Given(place, value, "flag", name)]


def queue_flags(flags: Sequence[str]) -> list[Given]:
    """Return what `--queue NAME=NUMBER` flags give.

    Raises:
        UsageProblem: one is not a name and a whole number.
    """
    from cerebelum_cli.errors import UsageProblem

    found = []
    for text in flags:
        name, _, number = text.rpartition("=")
        if not name or not number.isascii() or not number.isdigit():
            raise UsageProblem(f"--queue {text!r} is not NAME=NUMBER", help_="--queue embeddings=2")
        found += flag("--queue", ("queues", name), int(number))
    return found


def store_url(flag: str | None) -> str:
    """Return the URL of the store; a bare path means SQLite.

    Raises:
        UsageProblem: the flag is empty.
        UnknownSetting, SettingRefused, SettingsUnreadable: something is wrong with a setting, whichever.
    """
    from cerebelum_cli.errors import UsageProblem

    if flag is not None and not flag.strip():
        raise UsageProblem("--store is empty", help_="--store orders.db, --store postgresql://user@host/db")
    configured = settled().settings.store
    return url_of(configured if flag is None else flag)


def url_of(store: str) -> str:
    """Return the URL of a store that may be a bare path."""
    if "://" in store:
        return store
    return f"sqlite:///{store.replace('?', '%3f').replace('#', '%23')}" if "?" in store else f"sqlite:///{store}"


def shown_store(url: str) -> str:
    """Return a store's URL as people type it: a file by its path, a server without its password."""
    import re

    from cerebelum.engine.runtime.masking import MASK, mask_text

    path = url.removeprefix("sqlite:///").partition("?")[0]
    if path != url.partition("?")[0]:
        return path
    # Up to the last @, whatever the password holds: not everybody escapes its characters.
    return mask_text(re.sub(r"(://[^:@/]*):.*@", rf"\1:{MASK}@", url))


def node_settings(settings: Settings, policy: Literal["park", "pin"], *, fires_schedules: bool = True) -> NodeSettings:
    """Return what a node of this process takes of the settings.

    Args:
        fires_schedules: False where the node is there for one execution.
    """
    from cerebelum.engine.runtime.node import NodeSettings

    node = settings.node
    return NodeSettings(
        policy=policy, step_threads=node.step_threads, queues=settings.queues, most_resident=node.most_resident,
        most_claims=node.most_claims, most_blocked=node.most_blocked, activation_limit_s=node.activation_limit_s,
        blocked_warning_s=node.blocked_warning_s, store_patience_s=node.store_patience_s,
        scheduler=settings.scheduler.enabled and fires_schedules,
    )  # fmt: skip


def forget() -> None:
    """Forget what was read: a command of its own reads its files anew."""
    _settled_without_flags.cache_clear()


@lru_cache(maxsize=4)
def _settled_without_flags(folder: str, variables: tuple[tuple[str, str], ...]) -> Settled:
    from cerebelum_cli.setting_layers import settle

    return settle(Path(folder), dict(variables))


def _variables() -> tuple[tuple[str, str], ...]:
    others = ("NO_COLOR", "HOME", "XDG_CONFIG_HOME")
    return tuple((name, value) for name, value in os.environ.items() if name.startswith("CEREBELUM_") or name in others)
