"""A real browser: the system's Chromium, driven by Playwright.

Without one, tests skip by name; with ``CI`` set they fail, so that nobody takes them for run.
"""

import os
import shutil

import pytest

from behaviordist.report import write_report
from tests.report.run_folders import (
    write_compare_run,
    write_directed_run,
    write_distance_run,
    write_divergences_run,
    write_transfer_run,
)

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SIZES = (3, 21, 61, 1000)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium, one for the session, with a profile of its own."""
    missing = pytest.fail if os.environ.get("CI") else pytest.skip
    playwright = pytest.importorskip("playwright.sync_api", reason="no browser: playwright")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        missing("no browser: chromium is not installed")
    with playwright.sync_playwright() as p:
        started = p.chromium.launch(executable_path=program, headless=True, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Name -> the address of a page: distances of so many behaviors, and a study of transfers."""
    addresses = {}
    for n in SIZES:
        folder = write_distance_run(tmp_path_factory.mktemp(f"d{n}"), n=n, hostile=n == 21)
        addresses[str(n)] = write_report(folder)
    addresses["directed"] = write_report(write_directed_run(tmp_path_factory.mktemp("directed")))
    kl = write_divergences_run(tmp_path_factory.mktemp("kl"))
    addresses["kl"] = write_report(kl)
    study = write_transfer_run(tmp_path_factory.mktemp("transfer"), n=8)
    addresses["transfer"] = write_report(study)
    addresses["compare"] = write_report(write_compare_run(tmp_path_factory.mktemp("compare")))
    return addresses


@pytest.fixture
def opened(browser, pages, request):
    """Return a function that opens a page; the console stays empty and nothing is fetched."""
    said, contexts = [], []

    def call(name, width=1280, scheme="light", scripts=True):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda r: said.append(r.url) if r.url[:5] not in OURS else None)
        page.goto(pages[name].as_uri())
        return page

    yield call
    shots = os.environ.get("BEHAVIORDIST_SCREENSHOTS")
    for k, context in enumerate(contexts):
        if shots:
            name = "".join(c if c.isalnum() else "-" for c in request.node.name)
            context.pages[0].screenshot(path=f"{shots}/{name}-{k}.png")
        context.close()
    assert said == []


OURS = ("file:", "data:")
