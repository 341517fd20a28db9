"""Where a database lies, and who has it: on a disk of this machine, and one process at a time."""

import fcntl
import os
from pathlib import Path

import sqlalchemy as sa

from monitor.errors import DatabaseInUseError, StorageError

__all__ = ["Hold", "database_path", "expect_writable", "network_file_system", "refuse_network"]

MOUNTS = Path("/proc/self/mountinfo")
# Their locks, and memory that processes share, hold on one machine at best; SQLite counts on both.
_OVER_NETWORK = frozenset(
    (
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs"),
        *("nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs"),
        *("fuse.ceph", "fuse.glusterfs", "fuse.juicefs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    )
)


def database_path(url: str) -> Path:
    """Return the file that ``storage.url`` names; StorageError if it is none of SQLite's."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise StorageError(
            f"storage.url {parsed.render_as_string()}: this version stores in SQLite files only; "
            "write sqlite:///PATH"
        )
    return Path(parsed.database)


def refuse_network(path: Path) -> None:
    """Raise StorageError if the file would lie on a file system that comes over a network."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return  # there is no such table but on Linux
    found = network_file_system(path.resolve(), mounts)
    if found is not None:
        raise StorageError(
            f"{path}: this folder comes over a network ({found}), where a SQLite database can be damaged; "
            "put it on a disk of this machine"
        )


def expect_writable(path: Path) -> None:
    """Raise StorageError if there is such a file, and this process may not write to it.

    SQLite would open it all the same, and say so at the first write only.
    """
    if path.exists() and not os.access(path, os.W_OK):
        raise StorageError(f"{path}: this process may only read it; see whose file it is")


def network_file_system(path: Path, mounts: str) -> str | None:
    """Return the type of the file system that an absolute path lies on, if it is one over a network.

    ``mounts`` is Linux's mount table, as ``/proc/self/mountinfo`` shows it.
    """
    deepest, found = -1, ""
    for line in mounts.splitlines():
        where, _, what = line.partition(" - ")
        mounted = Path(_unescaped(where.split(" ")[4]))
        # Of several on one place the last is seen.
        if path.is_relative_to(mounted) and len(mounted.parts) >= deepest:
            deepest, found = len(mounted.parts), what.split(" ")[0]
    return found if found in _OVER_NETWORK else None


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


class Hold:
    """This process's hold on a database; the kernel lets go of it when the process ends, however it ends.

    The lock file says who has the database, and nothing once it has been closed: ``left_open`` is true if
    whoever had it before never came to that.
    """

    def __init__(self, path: Path) -> None:
        """Take hold; DatabaseInUseError if another process has it, StorageError if nobody may write there."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise StorageError(f"{path}: cannot write there: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = self._read() or "unknown"
            os.close(self._lock)
            raise DatabaseInUseError(
                f"{path}: another monitor (process {holder}) is using this database"
            ) from error
        self.left_open = bool(self._read())
        holder = str(os.getpid())
        try:
            # Never empty in between, and on the disk before anything is written to the database.
            os.pwrite(self._lock, holder.encode(), 0)
            os.ftruncate(self._lock, len(holder))
            os.fsync(self._lock)
        except OSError as error:
            os.close(self._lock)
            raise StorageError(f"{path}: cannot write there: {error.strerror}") from error

    def closed(self) -> None:
        """Note that the database has been closed as it should be."""
        os.ftruncate(self._lock, 0)

    def release(self) -> None:
        """Let the next process have the database."""
        os.close(self._lock)

    def _read(self) -> str:
        return os.pread(self._lock, 100, 0).decode(errors="replace").strip()
