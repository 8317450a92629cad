"""Write the report of a run: its figures and one self-contained page."""

from __future__ import annotations

from pathlib import Path

from behaviordist.errors import InputError, did_you_mean
from behaviordist.report.folder import RunFolder, read_run
from behaviordist.report.page import Page, render
from behaviordist.store import write_bytes, write_text


def write_report(folder: Path) -> Path:
    """Read a run's folder and write `index.html`, `heatmap.png` and `figures/` into it.

    Parameters
    ----------
    folder
        What `behaviordist run` or `behaviordist distance` wrote; see the architecture notes for
        its files. Only `run.json` must be there: what else is absent is left out of the page.

    Returns
    -------
    Path of the page. The same folder gives the same bytes.

    Raises
    ------
    InputError
        The folder or its `run.json` is missing, its kind is unknown, or a file is damaged; nothing
        is written then.
    """
    run = read_run(folder)
    page = _page(run)
    text = render(page)
    for figure in page.figures:
        write_bytes(folder / "figures" / f"{figure.name}.png", figure.png)
        write_text(folder / "figures" / f"{figure.name}.svg", figure.svg)
        if figure.name == "distances":
            write_bytes(folder / "heatmap.png", figure.png)
    write_text(folder / "index.html", text)
    return folder / "index.html"


def _page(run: RunFolder) -> Page:
    # Plotting libraries take seconds to import; a folder that cannot be read is told at once.
    from behaviordist.report.distance_report import distance_page
    from behaviordist.report.findings_page import findings_page
    from behaviordist.report.transfer_report import transfer_page

    pages = {"distance": distance_page, "transfer": transfer_page, "findings": findings_page}
    kind = str(run.record.get("kind", ""))
    if kind not in pages:
        where = run.path / "run.json"
        raise InputError(f"{where}: no report for kind '{kind}'; {did_you_mean(kind, pages)}")
    return pages[kind](run)
