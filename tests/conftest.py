"""What all tests share."""

from collections.abc import Callable

import pytest

from tests.programs import program


@pytest.fixture(name="program")
def _program() -> Callable[[str], str]:
    """``program(name)``: path of a system program; absent, the test is skipped by name, and with CI=true it fails."""
    return program
