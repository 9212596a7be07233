"""The Content Security Policy of our pages: nothing from outside, nothing that is not ours."""

from __future__ import annotations

import base64
import hashlib


def policy(style: str, script: str = "") -> str:
    """Nothing but this page's own style and script, known by their hashes, and pictures inside the file."""

    def known(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii") + "'"

    allowed = known(script) if script else "'none'"
    return f"default-src 'none'; img-src data:; style-src {known(style)}; script-src {allowed}; base-uri 'none'; form-action 'none'"
