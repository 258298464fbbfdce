"""What is wrong with a setting: which one, where it stands, what would do, a command to type."""

from __future__ import annotations

from cerebelum.engine.domain.errors import CerebelumError

_SHOW = "cerebelum config show --defaults"


class UnknownSetting(CerebelumError):
    """A file or a variable names a setting that does not exist. Nothing was done."""

    code = "CB220"
    exit_code = 2

    def __init__(self, key: str, where: str, *, line: str = "", nearest: str = "", known: tuple[str, ...] = ()) -> None:
        near = f"  nearest: {nearest}\n" if nearest else f"  known: {', '.join(known)}\n"
        super().__init__(f"{where}: there is no setting {key!r}\n{line}{near}  help: see all of them: {_SHOW}")
        self.key, self.where, self.nearest = key, where, nearest


class SettingRefused(CerebelumError):
    """A setting has a value that it does not take. Nothing was done."""

    code = "CB221"
    exit_code = 2

    def __init__(self, key: str, shown: str, where: str, *, wanted: str, line: str = "", help_: str = "") -> None:
        more = f"; or {help_}" if help_ else ""
        super().__init__(
            f"{where}: {key} is {shown}; it takes {wanted}\n{line}  help: see its default and meaning: {_SHOW}{more}"
        )
        self.key, self.where, self.wanted = key, where, wanted


class SettingsUnreadable(CerebelumError):
    """A file with settings cannot be read, or is not TOML. Nothing was done."""

    code = "CB222"
    exit_code = 2

    def __init__(self, file: str, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or str(error)
        super().__init__(f"{file} cannot be read: {reason}\n  help: mend it, or see who may read it: ls -l {file}")
        self.file = file
