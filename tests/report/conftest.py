import pytest

from behaviordist.report import write_report
from tests.report.run_folders import write_distance_run, write_transfer_run


@pytest.fixture(scope="session")
def transfer_run(tmp_path_factory):
    """A transfer study of six behaviors, with its report."""
    folder = write_transfer_run(tmp_path_factory.mktemp("transfer"), n=6)
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory):
    """Distances between models with labels that try to break the page, with its report."""
    folder = write_distance_run(tmp_path_factory.mktemp("hostile"), n=6, hostile=True)
    write_report(folder)
    return folder
