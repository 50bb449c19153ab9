import errno
import functools
import shutil
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from rankbench.data import download
from rankbench.data.download import ensure_archive
from rankbench.data.progress import Download, Note
from rankbench.errors import UserError


@pytest.fixture(autouse=True)
def _no_proxy_no_pause(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE", 0.0)


@pytest.fixture
def serve():
    """Start servers on this machine that end with the test."""
    servers = []

    def start(handler) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def answering(*answers):
    """Return a handler that gives (status, body, announced length) in turn, the last for ever."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body, length = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def files_in(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_from_a_folder(small, tmp_path):
    dataset, mirror = small
    source, events = dataset.published["iid"], []
    file = ensure_archive(source, tmp_path / "archives", str(mirror), events.append)
    assert file == tmp_path / "archives" / "iid" / "small.zip"
    assert file.read_bytes() == (mirror / "iid" / "small.zip").read_bytes()
    assert events[0] == Download("small", 0, source.bytes)
    assert events[-1] == Download("small", source.bytes, source.bytes)
    events.clear()
    assert ensure_archive(source, tmp_path / "archives", None, events.append) == file
    assert events == []


def test_from_a_url(small, tmp_path, serve):
    dataset, mirror = small
    url = serve(functools.partial(Quiet, directory=mirror))
    file = ensure_archive(dataset.published["iid"], tmp_path / "archives", f"{url}/")
    assert file.read_bytes() == (mirror / "iid" / "small.zip").read_bytes()


def test_from_its_origin_when_the_mirror_has_it_not(small, tmp_path, serve):
    dataset, mirror = small
    url, notes = serve(functools.partial(Quiet, directory=mirror)), []
    source = replace(dataset.published["iid"], url=f"{url}/iid/small.zip")
    (tmp_path / "empty").mkdir()
    empty = serve(functools.partial(Quiet, directory=tmp_path / "empty"))
    for number, other in enumerate((str(tmp_path / "empty"), empty)):
        assert ensure_archive(source, tmp_path / f"archives{number}", other, notes.append).is_file()
    told = [event.text for event in notes if isinstance(event, Note)]
    assert [text.split(";")[0] for text in told] == [
        f"The mirror {other} has no iid/small.zip" for other in (tmp_path / "empty", empty)
    ]


def test_a_damaged_archive_in_the_cache_is_fetched_again(small, tmp_path):
    dataset, mirror = small
    file = ensure_archive(dataset.published["iid"], tmp_path / "archives", str(mirror))
    file.write_bytes(b"x" * dataset.published["iid"].bytes)
    notes = []
    ensure_archive(dataset.published["iid"], tmp_path / "archives", str(mirror), notes.append)
    assert file.read_bytes() == (mirror / "iid" / "small.zip").read_bytes()
    assert "is damaged; it is fetched again" in notes[0].text


@pytest.mark.parametrize("kind", ["changed", "cut", "longer", "empty"])
def test_wrong_content_is_deleted_and_said(small, tmp_path, kind):
    dataset, mirror = small
    copy, source = mirror / "iid" / "small.zip", dataset.published["iid"]
    right = copy.read_bytes()
    copy.write_bytes({"changed": b"X" + right[1:], "cut": right[:-9], "longer": right + b"x", "empty": b""}[kind])
    with pytest.raises(UserError) as caught:
        ensure_archive(source, tmp_path / "archives", str(mirror))
    expected = {
        "changed": f"expected sha256 {source.sha256}, got ",
        "cut": f"expected {source.bytes:,} bytes, got {source.bytes - 9:,}.",
        "longer": f"expected {source.bytes:,} bytes, got more.",
        "empty": f"expected {source.bytes:,} bytes, got 0.",
    }
    assert expected[kind] in caught.value.message
    assert f"{copy} is not the archive iid/small.zip" in caught.value.message
    assert "The file was deleted." in caught.value.message
    assert "--mirror" in caught.value.hint
    assert files_in(tmp_path / "archives") == []


def test_an_endless_answer_is_not_stored(small, tmp_path, serve):
    dataset, _ = small
    sent = 64 << 20
    source = replace(dataset.published["iid"], url=serve(answering((200, bytes(1 << 20), sent))))
    with pytest.raises(UserError, match="got more"):
        ensure_archive(source, tmp_path / "archives")
    assert files_in(tmp_path / "archives") == []


def test_a_connection_that_breaks_off_is_tried_again(small, tmp_path, serve):
    dataset, mirror = small
    right, notes = (mirror / "iid" / "small.zip").read_bytes(), []
    answers = (200, right[:50], len(right)), (503, b"", 0), (200, right, len(right))
    source = replace(dataset.published["iid"], url=serve(answering(*answers)))
    assert ensure_archive(source, tmp_path / "archives", None, notes.append).read_bytes() == right
    assert sum("trying again" in event.text for event in notes if isinstance(event, Note)) == 2


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (503, 3)])
def test_a_refusal_is_an_error_with_a_hint(small, tmp_path, serve, status, tries):
    dataset, _ = small
    source = replace(dataset.published["iid"], url=serve(answering((status, b"no", 2))))
    with pytest.raises(UserError, match=rf"cannot be loaded: .*{status}.*\({tries} tries\)") as caught:
        ensure_archive(source, tmp_path / "archives")
    assert "--mirror" in caught.value.hint
    assert files_in(tmp_path / "archives") == []


def test_no_network(small, tmp_path, monkeypatch):
    dataset, _ = small

    def refuse(*_, **__):
        raise httpx.ConnectError("no route to host")

    monkeypatch.setattr(httpx, "stream", refuse)
    with pytest.raises(UserError, match=r"cannot be loaded: no route to host \(3 tries\)") as caught:
        ensure_archive(dataset.published["iid"], tmp_path / "archives")
    assert "--mirror DIR-or-URL" in caught.value.hint


@pytest.mark.parametrize(
    ("mirror", "expected"), [("nowhere", "mirror nowhere is not a folder"), ("http://[", "cannot be loaded")]
)
def test_a_mirror_that_is_none(small, tmp_path, mirror, expected):
    with pytest.raises(UserError, match=expected):
        ensure_archive(small[0].published["iid"], tmp_path / "archives", mirror)


def test_no_space(small, tmp_path, monkeypatch):
    dataset, mirror = small
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1 << 20))
    big = replace(dataset.published["iid"], bytes=10 << 20)
    with pytest.raises(UserError, match=r"14\.0 MiB are needed, 1\.0 MiB are free, 13\.0 MiB are missing"):
        ensure_archive(big, tmp_path / "archives", str(mirror))
    assert files_in(tmp_path / "archives") == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_in_the_middle(small, tmp_path, monkeypatch, code):
    dataset, mirror = small
    real = Path.open

    def failing(path, mode="r", *rest, **options):
        stream = real(path, mode, *rest, **options)
        if path.name.startswith(".tmp-"):
            stream.close()
            raise OSError(code, "refused")
        return stream

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(UserError, match="cannot be written: refused") as caught:
        ensure_archive(dataset.published["iid"], tmp_path / "archives", str(mirror))
    assert ("Make room" in caught.value.hint) == (code == errno.ENOSPC)
    assert files_in(tmp_path / "archives") == []


def test_a_folder_that_cannot_be_made(small, tmp_path):
    dataset, mirror = small
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        ensure_archive(dataset.published["iid"], tmp_path / "file" / "archives", str(mirror))
