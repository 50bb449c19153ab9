"""Archives of published splits: from a mirror or their origin into the cache, used only if sha256 is right."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rankbench.data.catalog import Published
from rankbench.data.disk import TEMPORARY, make_folder, need_space, writing
from rankbench.data.progress import Download, Note, Progress, silent
from rankbench.errors import UserError

TRIES = 3
PAUSE = 1.0
"""Seconds before the second try; twice as long before each further one."""

_CHUNK = 1 << 16
_TIMEOUT = 30.0
_NO_NETWORK = "Check the network and try again, or give a copy of the archives with --mirror DIR-or-URL."
_SPOILT = (
    "A changed file at the source, a proxy that answers with a page of its own, or a damaged copy can be the cause. "
    "Try again; if it stays so, use another source with --mirror DIR-or-URL."
)

Source = Callable[[], Iterator[bytes]]


def ensure_archive(source: Published, archives: Path, mirror: str | None = None, progress: Progress = silent) -> Path:
    """Return the path of an archive in the folder `archives`, fetched if it is not there or not as it should be.

    Args:
        source: which archive.
        archives: the cache.
        mirror: a folder or an http(s) address that has the archives under their names; tried before the origin.
        progress: gets notes and the bytes so far.

    Raises:
        UserError: no network, no space, a folder that cannot be written, or content of the wrong size or sha256.
    """
    target = archives / source.archive
    with writing(target):
        if target.is_file():
            if sha256_of(target) == source.sha256:
                return target
            progress(Note(f"The archive {target} is damaged; it is fetched again."))
            target.unlink()
    make_folder(target.parent)
    need_space(target.parent, source.bytes)
    origin, chunks = _choose(source, mirror, progress)
    temporary = target.with_name(f"{TEMPORARY}{target.name}")
    try:
        _store(source, origin, chunks, temporary, progress)
        with writing(target):
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def sha256_of(file: Path) -> str:
    """Return the sha256 of a file's content, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _choose(source: Published, mirror: str | None, progress: Progress) -> tuple[str, Source]:
    """Return the place to load an archive from, the mirror if it has it, and its content."""
    if mirror is None:
        return source.url, lambda: _from_web(source.url)
    if mirror.startswith(("http://", "https://")):
        url = f"{mirror.rstrip('/')}/{source.archive}"
        if _on_web(url):
            return url, lambda: _from_web(url)
    else:
        folder = Path(mirror).expanduser()
        if not folder.is_dir():
            raise UserError(f"The mirror {mirror} is not a folder.", "Give a folder or an http(s) address as --mirror.")
        if (file := folder / source.archive).is_file():
            return str(file), lambda: _from_file(file)
    progress(Note(f"The mirror {mirror} has no {source.archive}; it is loaded from {source.url}."))
    return source.url, lambda: _from_web(source.url)


def _store(source: Published, origin: str, chunks: Source, temporary: Path, progress: Progress) -> None:
    """Write an archive to a temporary file, trying again when the connection fails, and check it."""
    import httpx

    for attempt in range(1, TRIES + 1):
        try:
            size, sha256 = _write(source, chunks(), temporary, progress)
            break
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if attempt == TRIES or not _is_transient(error):
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise UserError(f"{origin} cannot be loaded: {reason} ({attempt} tries).", _NO_NETWORK) from error
            progress(Note(f"{origin}: {error or type(error).__name__}; trying again."))
            time.sleep(PAUSE * 2 ** (attempt - 1))
    if size != source.bytes:
        raise UserError(
            f"{origin} is not the archive {source.archive}: expected {source.bytes:,} bytes, got "
            f"{'more' if size > source.bytes else f'{size:,}'}. The file was deleted.",
            _SPOILT,
        )
    if sha256 != source.sha256:
        raise UserError(
            f"{origin} is not the archive {source.archive}: expected sha256 {source.sha256}, got {sha256}. "
            "The file was deleted.",
            _SPOILT,
        )


def _write(source: Published, chunks: Iterator[bytes], temporary: Path, progress: Progress) -> tuple[int, str]:
    """Write the chunks, not many more than the archive has; return the number of bytes and their sha256."""
    sha, done, name = hashlib.sha256(), 0, source.archive.stem
    progress(Download(name, 0, source.bytes))
    with writing(temporary), temporary.open("wb") as stream:
        for chunk in chunks:
            stream.write(chunk)
            sha.update(chunk)
            done += len(chunk)
            progress(Download(name, min(done, source.bytes), source.bytes))
            if done > source.bytes:
                break
    return done, sha.hexdigest()


def _from_file(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.", "Make it readable or drop --mirror.") from error


def _from_web(url: str) -> Iterator[bytes]:
    import httpx

    with httpx.stream("GET", url, follow_redirects=True, timeout=_TIMEOUT) as response:
        response.raise_for_status()
        yield from response.iter_bytes(_CHUNK)


def _on_web(url: str) -> bool:
    """Return whether a mirror has a file; when it cannot be told, yes, so that loading shows why."""
    import httpx

    try:
        return httpx.head(url, follow_redirects=True, timeout=_TIMEOUT).status_code not in (403, 404, 410)
    except (httpx.HTTPError, httpx.InvalidURL):
        return True


def _is_transient(error: Exception) -> bool:
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (408, 429) or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)
