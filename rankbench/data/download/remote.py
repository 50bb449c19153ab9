"""What a remote file is called, and how much is known of it beforehand."""

from __future__ import annotations

from rankbench.data.sources import RemoteFile

__all__ = ["RemoteFile", "algorithm_of", "is_document_name", "name_of", "needs_pin"]


def name_of(file: RemoteFile) -> str:
    """Return what a file is called in messages: its place, as names alone repeat."""
    return str(file.path)


def algorithm_of(file: RemoteFile) -> str:
    """Return what the checksum of a file is made by: `sha256`, `md5`, `git` (blob id), or "" when it is unknown."""
    return file.checksum.partition(":")[0]


def needs_pin(file: RemoteFile) -> bool:
    """Return whether less than size and sha256 is known beforehand, so that they are recorded once it is loaded."""
    return algorithm_of(file) != "sha256" or file.bytes is None


def is_document_name(file: RemoteFile) -> bool:
    """Return whether a file may be a web page by its name."""
    return file.path.suffix in (".html", ".htm")
