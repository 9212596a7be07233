"""The example readings, made once."""

import pytest

from coread.reading import Reading
from coread.study import Study
from tests.report import examples


@pytest.fixture(scope="session")
def one_hand() -> tuple[Reading, Study]:
    return examples.one_hand()


@pytest.fixture(scope="session")
def two_hands() -> tuple[Reading, Study]:
    return examples.two_hands()
