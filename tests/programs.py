"""System programs that tests ask for: absent, the test is skipped by name; with CI=true it fails."""

import os
import shutil

import pytest


def program(name: str) -> str:
    """Path of a system program, or the end of the test."""
    found = shutil.which(name)
    if found is None:
        message = f"{name} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found
