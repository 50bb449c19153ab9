"""Whether content is that of a file: by its checksum and size where they are known, else by its pin."""

from __future__ import annotations

from pathlib import Path

from rankbench.data.download.digests import Tally
from rankbench.data.download.faults import HINT_CHANGED, HINT_PAGE, HINT_SPOILT, WrongContentError
from rankbench.data.download.pins import Pin
from rankbench.data.download.remote import RemoteFile, is_document_name

_PAGES = b"<!doctype html", b"<html", b"<head"
_HEAD = 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def verify(file: RemoteFile, tally: Tally, content: Path, pin: Pin | None) -> None:
    """Check content against what is known of a file.

    Args:
        file: what it should be.
        tally: of the content.
        content: where it is.
        pin: what it was before; asked only where no checksum is known.

    Raises:
        WrongContentError: the size, the checksum or the pin says something else, or it is a web page or nothing.
    """
    check_size(file, tally.size, content)
    if file.checksum:
        if (got := tally.checksum(content)) != file.checksum:
            expected = file.checksum.replace(":", " ")
            raise wrong(f"expected {expected}, got {got.partition(':')[2]}", is_page(content))
    elif pin and (pin.sha256, pin.bytes) != (tally.sha256, tally.size):
        raise WrongContentError(
            f"it is not what it was on {pin.time[:10]}: expected sha256 {pin.sha256} ({pin.bytes:,} bytes), "
            f"got {tally.sha256} ({tally.size:,} bytes)",
            HINT_CHANGED,
        )
    elif is_page(content) and not is_document_name(file):
        raise wrong("expected data, got a document", page=True)
    elif not tally.size and file.bytes is None:
        raise wrong("expected data, got 0 bytes", page=False)


def check_size(file: RemoteFile, size: int, content: Path | None = None, *, page: bool = False) -> None:
    """Check a size, of content that is there or is announced.

    Raises:
        WrongContentError: it is not that of the file.
    """
    if file.bytes is not None and size != file.bytes:
        page = page or (content is not None and is_page(content))
        raise wrong(f"expected {file.bytes:,} bytes, got {size:,}", page)


def wrong(reason: str, page: bool) -> WrongContentError:
    """Return the fault of wrong content; a web page in the file's place is named as what it is."""
    return WrongContentError(
        f"{reason}; it is a web page (HTML)" if page else reason, HINT_PAGE if page else HINT_SPOILT
    )


def is_page(content: Path) -> bool:
    """Return whether content begins as a web page does."""
    with content.open("rb") as stream:
        head = stream.read(_HEAD)
    return head.removeprefix(_BYTE_ORDER_MARK).lstrip().lower().startswith(_PAGES)
