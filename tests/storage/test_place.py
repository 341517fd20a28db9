"""Where a database may lie, and who may have it."""

import os
from pathlib import Path

import pytest
from builders import opened

from monitor.errors import DatabaseInUseError, StorageError
from monitor.storage import open_storage, place
from monitor.storage.place import Hold, network_file_system

MOUNTS = r"""22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /srv/share rw,relatime shared:1 - nfs4 server:/export rw,vers=4.2
31 30 0:41 / /srv/share/local rw - xfs /dev/sdb rw
32 22 0:42 / /mnt/with\040space rw master:2 propagate_from:1 - cifs //server/x rw
33 22 0:43 / /srv/twice rw - ext4 /dev/sdc rw
34 22 0:44 / /srv/twice rw - fuse.sshfs me@host:/ rw
35 22 0:45 / /srv/again rw - 9p none rw
36 22 0:46 / /srv/again rw - tmpfs none rw
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/var/monitor.db", None),
        ("/srv/share/monitor.db", "nfs4"),
        ("/srv/share/deep/er/monitor.db", "nfs4"),
        ("/srv/shared/monitor.db", None),
        ("/srv/share/local/monitor.db", None),
        ("/mnt/with space/monitor.db", "cifs"),
        ("/srv/twice/monitor.db", "fuse.sshfs"),
        ("/srv/again/monitor.db", None),
    ],
)
def test_the_deepest_and_last_mount_says_what_a_path_lies_on(path: str, found: str | None) -> None:
    assert network_file_system(Path(path), MOUNTS) == found


@pytest.mark.parametrize("how", [{}, {"read_only": True}, {"guest": True}])
def test_a_database_on_a_network_is_refused_and_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: dict[str, bool]
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS + f"40 22 0:47 / {tmp_path}/far rw - nfs server:/ rw\n")
    monkeypatch.setattr(place, "MOUNTS", table)
    (tmp_path / "far").mkdir()
    # A link does not hide it.
    (tmp_path / "near").symlink_to(tmp_path / "far")
    for folder in ("far", "near"):
        with pytest.raises(StorageError, match=r"over a network \(nfs\).*put it on a disk of this machine"):
            open_storage(f"sqlite:///{tmp_path}/{folder}/monitor.db", **how)
    assert list((tmp_path / "far").iterdir()) == []
    with opened(tmp_path / "monitor.db"):
        pass


def test_without_a_mount_table_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "MOUNTS", tmp_path / "none")
    with opened(tmp_path / "monitor.db"):
        pass


def test_a_hold_knows_whether_the_last_one_came_to_an_end(database_file: Path) -> None:
    first = Hold(database_file)
    assert not first.left_open
    with pytest.raises(DatabaseInUseError, match=rf"process {os.getpid()}\b"):
        Hold(database_file)
    first.release()  # as the kernel does when a process is killed

    second = Hold(database_file)
    assert second.left_open
    second.closed()
    second.release()

    third = Hold(database_file)
    assert not third.left_open
    third.release()


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="there is no folder here that even root may not write to"
)
def test_a_folder_that_cannot_be_written_to_is_a_clear_error() -> None:
    with pytest.raises(StorageError, match=r"/proc/monitor\.db: cannot write there: "):
        open_storage("sqlite:////proc/monitor.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_database_that_may_only_be_read_is_a_clear_error(database_file: Path) -> None:
    with opened(database_file):
        pass
    database_file.chmod(0o444)
    for guest in (False, True):
        with pytest.raises(StorageError, match="this process may only read it"):
            open_storage(f"sqlite:///{database_file}", guest=guest)
    with opened(database_file, read_only=True):
        pass
