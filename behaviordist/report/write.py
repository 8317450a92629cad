"""Write the report of a run: its figures and one self-contained page."""

from __future__ import annotations

from pathlib import Path

from behaviordist.errors import InputError
from behaviordist.record import AnswersRecord, CompareRecord, DistanceRecord
from behaviordist.record.directed import VALUES
from behaviordist.record.run import StudyRecord, TransferRecord
from behaviordist.report.folder import RunFolder, read_run
from behaviordist.report.look import Look
from behaviordist.report.page import Page, render
from behaviordist.store import write_bytes, write_text


def write_report(folder: Path, look: Look | None = None, *, slide: bool = False) -> Path:
    """Read a run's folder and write `index.html`, `heatmap.png` and `figures/` into it.

    Parameters
    ----------
    folder
        What `behaviordist run`, `distance` or `compare` wrote, 0.1.0 included; see the
        architecture notes for its files. Only `run.json` must be there: what else is absent is
        left out of the page.
    look
        How pictures are drawn, kept in the folder from now on; default what it keeps.
    slide
        Whether to write `slide.png` too.

    Returns
    -------
    Path of the page. The same folder gives the same bytes.

    Raises
    ------
    InputError
        The folder or its `run.json` is missing, its kind is unknown, or a file is damaged; nothing
        is written then.
    """
    run = read_run(folder, look)
    page = _page(run).picture_first()
    text = render(page)
    image = _slide(page) if slide else b""
    if look is not None:
        look.save(folder)
    for figure in page.figures:
        write_bytes(folder / "figures" / f"{figure.name}.png", figure.png)
        write_text(folder / "figures" / f"{figure.name}.svg", figure.svg)
        if figure.name == "distances" or (run.directed is not None and figure.name == VALUES):
            write_bytes(folder / "heatmap.png", figure.png)
    if slide:
        write_bytes(folder / "slide.png", image)
    write_text(folder / "index.html", text)
    return folder / "index.html"


def _slide(page: Page) -> bytes:
    from behaviordist.report.slide import slide

    return slide(page)


def _page(run: RunFolder) -> Page:
    # Plotting libraries take seconds to import; a folder that cannot be read is told at once.
    from behaviordist.report.answers_page import answers_page
    from behaviordist.report.compare_page import compare_page
    from behaviordist.report.distance_page import distance_page
    from behaviordist.report.study_page import study_page

    record = run.record
    if isinstance(record, DistanceRecord):
        return distance_page(run, record)
    if isinstance(record, StudyRecord | TransferRecord):
        return study_page(run, record)
    if isinstance(record, CompareRecord):
        return compare_page(record)
    if isinstance(record, AnswersRecord):
        return answers_page(record)
    raise InputError(
        f"{run.path}: a gate has no page; its decision is in its JSON and on the terminal"
    )
