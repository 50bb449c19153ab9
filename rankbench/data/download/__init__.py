"""Files from the web, a mirror or the user's own disk into the cache: verified, resumable, never half there."""

from rankbench.data.download.cached import is_right
from rankbench.data.download.digests import sha256_of
from rankbench.data.download.ensure import ensure_file
from rankbench.data.download.given import take
from rankbench.data.download.patience import Patience
from rankbench.data.download.pins import Pin, pin_of
from rankbench.data.download.remote import RemoteFile
from rankbench.data.download.several import ensure_files
from rankbench.data.download.verdicts import Verdict, check, check_files

__all__ = [
    "Patience",
    "Pin",
    "RemoteFile",
    "Verdict",
    "check",
    "check_files",
    "ensure_file",
    "ensure_files",
    "is_right",
    "pin_of",
    "sha256_of",
    "take",
]
