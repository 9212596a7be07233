"""What the tests of SR and SEG share."""

from collections.abc import Iterator

import pytest

from tests.formats.archive import Archive, running_archive


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """One Orthanc for all tests of the session; absent, they are skipped by name."""
    with running_archive(tmp_path_factory.mktemp("orthanc")) as store:
        yield store
