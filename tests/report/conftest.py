"""The example readings, made once."""

from collections.abc import Iterator

import pytest

from coread.reading import Reading
from coread.study import Study
from tests.report import examples
from tests.report.browser import Browser, running_browser


@pytest.fixture(scope="session")
def one_hand() -> tuple[Reading, Study]:
    return examples.one_hand()


@pytest.fixture(scope="session")
def two_hands() -> tuple[Reading, Study]:
    return examples.two_hands()


@pytest.fixture(scope="session")
def corrected_hand() -> tuple[Reading, Study]:
    return examples.corrected_hand()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of the session; absent, they are skipped by name."""
    with running_browser(tmp_path_factory.mktemp("browser")) as running:
        yield running
