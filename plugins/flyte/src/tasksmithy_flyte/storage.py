"""Paths and URLs of a cluster: messages and files, on this machine or on what fsspec knows."""

from __future__ import annotations

import posixpath
import uuid
from pathlib import Path

import fsspec


def read(url: str) -> bytes:
    """The content of a file.

    Raises:
        OSError: it cannot be read.
        ImportError: the file system of the URL is not installed.
        ValueError: fsspec knows no such file system.
    """
    with fsspec.open(url, "rb") as file:
        content: bytes = file.read()
    return content


def write(url: str, content: bytes) -> None:
    """Write a file, with the folders that it is in. Raises as `read`."""
    system, path = fsspec.core.url_to_fs(url)
    system.makedirs(posixpath.dirname(path), exist_ok=True)
    with system.open(path, "wb") as file:
        file.write(content)


def upload(local: Path, prefix: str) -> str:
    """Copy a file or a folder below a prefix, to a place that nothing else has; its URL.

    Raises as `read`.
    """
    url = posixpath.join(prefix, uuid.uuid4().hex, local.name)
    system, path = fsspec.core.url_to_fs(url)
    system.makedirs(posixpath.dirname(path), exist_ok=True)
    system.put(str(local), path, recursive=local.is_dir())
    return url
