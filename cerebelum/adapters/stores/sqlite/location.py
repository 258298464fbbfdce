"""Where the database is: the URL, and whether its file system can carry the promise of durability."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, quote, unquote

from cerebelum.adapters.stores.sqlite.errors import read_only
from cerebelum.engine.domain.errors_store import StoreUnreachable, StoreUnsupported

Synchronous = Literal["FULL", "NORMAL"]

# Their locks or their shared memory do not reach across machines, which WAL needs.
NETWORK_FILE_SYSTEMS = frozenset(
    [
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gfs2",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "prl_fs",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
    ]
)
MOUNTS = Path("/proc/mounts")


class Location(NamedTuple):
    """A parsed URL."""

    path: Path  # links resolved, so that every way to the file finds the same lock
    synchronous: Synchronous
    name: str  # sqlite:///absolute/path


def locate(url: str) -> Location:
    """Parse `sqlite:///relative.db`, `sqlite:////absolute.db`, either with `?synchronous=FULL` or `NORMAL`, or a bare path.

    Raises:
        StoreUnsupported: no file is named, or an option is not known.
    """
    if "://" not in url:
        url = f"sqlite:///{quote(url)}"
    address, _, query = url.partition("?")
    _, separator, path = address.partition(":///")
    if not separator or not path or path == ":memory:":
        raise StoreUnsupported(
            f"{url} names no file\n  help: sqlite:///cerebelum.db is one; memory:// keeps nothing after the process ends"
        )
    synchronous: Synchronous = "FULL"
    for option, value in parse_qsl(query, keep_blank_values=True):
        if option != "synchronous" or value.upper() not in {"FULL", "NORMAL"}:
            raise StoreUnsupported(f"{url}: unknown option {option}={value}\n  help: synchronous=FULL or =NORMAL")
        synchronous = "FULL" if value.upper() == "FULL" else "NORMAL"
    file = Path(os.path.realpath(unquote(path)))
    return Location(file, synchronous, f"sqlite:///{quote(str(file), safe='/ ~+,@=')}")


def check_place(location: Location, *, mounts: Path = MOUNTS) -> None:
    """Check the folder, and the file if it is there.

    Raises:
        StoreUnreachable: the folder is missing or takes no new files, or the path is no file.
        StoreReadOnly: the file or its folder takes no writes.
        StoreUnsupported: a network file system.
    """
    path, folder = location.path, location.path.parent
    if not folder.is_dir():
        raise StoreUnreachable(f"{location.name}: there is no folder {folder}\n  help: make it: mkdir -p {folder}")
    _refuse_network(location, mounts)
    if path.exists():
        if not path.is_file():
            raise StoreUnreachable(
                f"{location.name} is a folder, not a file\n  help: name a file in it: {path}/cerebelum.db"
            )
        for part in (path, folder):
            if not _writable(part):
                raise read_only(location.name, f"no permission to write to {part}")
    elif not _writable(folder):
        raise _cannot_make(location, "no permission to write there")


def create_file(location: Location) -> None:
    """Make the file (mode 0600) when it is missing.

    Call with the file lock held: where another connection of this process has the file open already, closing it here
    would drop that connection's locks.

    Raises:
        StoreUnreachable: it cannot be made.
    """
    try:
        os.close(os.open(location.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise _cannot_make(location, str(error.strerror)) from error


def _cannot_make(location: Location, cause: str) -> StoreUnreachable:
    return StoreUnreachable(
        f"{location.name} cannot be made: {cause}\n  help: see who may write there: ls -ld {location.path.parent}"
    )


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _refuse_network(location: Location, mounts: Path) -> None:
    kind = file_system(location.path, mounts)
    if kind in NETWORK_FILE_SYSTEMS:
        raise StoreUnsupported(
            f"{location.name} lies on a network file system ({kind}), where SQLite's locks do not protect it\n"
            f"  help: use a local disk, or a PostgreSQL server: --store postgresql://…; see: df -T {location.path.parent}"
        )


def file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """Return the type of the file system that holds `path`, None where the system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    found: tuple[int, str] = (-1, "")
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        mounted = Path(point.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        # a later mount hides an earlier one on the same point
        if path.is_relative_to(mounted) and len(mounted.parts) >= found[0]:
            found = (len(mounted.parts), kind)
    return found[1] or None
