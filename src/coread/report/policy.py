"""The Content Security Policy of a page: text from a file can do no harm."""

from __future__ import annotations

import base64
import hashlib


def policy(style: str, script: str = "") -> str:
    """Nothing but the page's own style and script, known by their hashes, and pictures inside the file."""
    scripts = f" script-src {_known(script)};" if script else ""
    return f"default-src 'none'; img-src data:; style-src {_known(style)};{scripts} base-uri 'none'; form-action 'none'"


def _known(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii") + "'"
