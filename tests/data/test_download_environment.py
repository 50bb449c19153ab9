"""Proxies and certificates as the environment names them."""

import shutil
import ssl
import subprocess

import pytest
from download_cases import CONTENT, remote
from faulty_server import QUICK, faulty_server

from rankbench.data.download import ensure_file
from rankbench.errors import UserError


def test_a_proxy_of_the_environment_is_used_and_its_refusal_told(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    server.put("/data.bin", CONTENT)
    assert ensure_file(remote("http://elsewhere.invalid/data.bin"), tmp_path).read_bytes() == CONTENT
    assert server.requests[0].headers["host"] == "elsewhere.invalid"
    monkeypatch.setenv("http_proxy", "gopher://proxy")
    with pytest.raises(UserError, match="cannot be set up as the environment says") as caught:
        ensure_file(remote("http://elsewhere.invalid/data.bin"), tmp_path / "other")
    assert "HTTPS_PROXY" in caught.value.hint


def test_certificates_of_the_environment_are_used(tmp_path, monkeypatch, server):
    if not shutil.which("openssl"):
        pytest.skip("needs openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    words = [*make.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run(words, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with faulty_server(context) as secure:
        file = remote(secure.put("/data.bin", CONTENT))
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        with pytest.raises(UserError, match="CERTIFICATE_VERIFY_FAILED") as caught:
            ensure_file(file, tmp_path / "cache", patience=QUICK)
        assert "SSL_CERT_FILE" in caught.value.hint
        assert "tries" not in caught.value.message
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ensure_file(file, tmp_path / "cache").read_bytes() == CONTENT
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        with pytest.raises(UserError, match="cannot be set up as the environment says"):
            ensure_file(file, tmp_path / "other")
