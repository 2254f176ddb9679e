"""Attachments and raw mail, content-addressed: the name of a blob is the SHA-256 of its bytes.

Writing the same bytes twice is harmless, so a retry after a crash needs no clean-up; no name comes from outside.
"""

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Protocol

_KEY = re.compile(r"[0-9a-f]{64}")


class Store(Protocol):
    """Where blobs are kept: what the rest of the desk may ask of it."""

    def put(self, data: bytes) -> str:
        """Keep ``data`` durably and return its key; when this returns, a power cut does not lose it."""

    def get(self, key: str) -> bytes:
        """The bytes behind ``key``; ``KeyError`` when there are none."""


class FolderStore:
    """Blobs as files in a folder, two levels deep."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Write to a temporary file, fsync, rename, fsync the folder: a name that exists is whole."""
        key = hashlib.sha256(data).hexdigest()
        path = self._path(key)
        if path.exists():
            return key
        _make_folder(path.parent)
        temporary = path.with_name(f"{key}.{secrets.token_hex(4)}.part")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
        return key

    def get(self, key: str) -> bytes:
        """The bytes behind ``key``; ``KeyError`` when there are none."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            raise KeyError(key) from None

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise KeyError(key)
        return self.folder / key[:2] / key


def _make_folder(folder: Path) -> None:
    if folder.exists():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_store: Store | None = None


def configure(store: Store) -> None:
    """Name the store of this process."""
    global _store
    _store = store


def store() -> Store:
    """The store of this process."""
    if _store is None:
        raise RuntimeError("storage.configure() has not been called")
    return _store
