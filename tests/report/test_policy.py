"""The policy of our pages against the published rule of Content Security Policy; browsers hold it in the tests of the pages."""

import base64
import subprocess
from collections.abc import Callable

from coread.report.policy import policy

STYLE, SCRIPT = "body { color: #123 }", "document.title = 'ü'"


def directives(text: str) -> dict[str, list[str]]:
    return {name: values for name, *values in (part.split() for part in text.split(";"))}


def test_hashes_are_openssl_s(program: Callable[[str], str]) -> None:
    """Another program's sha256 of the very bytes of the page."""
    openssl = program("openssl")
    found = directives(policy(STYLE, SCRIPT))
    for text, name in ((STYLE, "style-src"), (SCRIPT, "script-src")):
        theirs = subprocess.run([openssl, "dgst", "-sha256", "-binary"], input=text.encode(), capture_output=True, check=True).stdout
        assert found[name] == [f"'sha256-{base64.b64encode(theirs).decode()}'"]


def test_the_example_of_the_standard() -> None:
    """CSP level 2, section 4.2.5, gives the hash of alert('Hello, world.'); and of nothing, as SHA-256 of the empty text is known."""
    assert directives(policy("", "alert('Hello, world.');"))["script-src"] == ["'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"]
    assert directives(policy(""))["style-src"] == ["'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"]


def test_nothing_else_is_allowed() -> None:
    found = directives(policy(STYLE))
    assert found["default-src"] == found["script-src"] == found["base-uri"] == found["form-action"] == ["'none'"]
    assert found["img-src"] == ["data:"]
    assert "unsafe" not in policy(STYLE, SCRIPT)
    assert "http" not in policy(STYLE, SCRIPT)
    assert "*" not in policy(STYLE, SCRIPT)


def test_one_changed_letter_changes_the_hash() -> None:
    assert policy(STYLE, SCRIPT) != policy(STYLE, SCRIPT + " ")
