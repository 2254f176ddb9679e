"""The store: whole or not there, under a name made from the content."""

import hashlib
from pathlib import Path

import pytest

from desk.storage import FolderStore


def test_bytes_come_back_under_the_hash_of_their_content(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    key = store.put(b"bytes")
    assert key == hashlib.sha256(b"bytes").hexdigest()
    assert store.get(key) == b"bytes"


def test_the_same_bytes_are_kept_once(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    assert store.put(b"twice") == store.put(b"twice")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "0" * 63, "G" * 64, "0" * 64])
def test_a_key_that_is_none_opens_nothing(tmp_path: Path, key: str) -> None:
    with pytest.raises(KeyError):
        FolderStore(tmp_path).get(key)


def test_a_write_that_breaks_off_leaves_no_half_blob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("desk.storage.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.put(b"too much")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
