"""Reports: seaborn figures and one self-contained HTML page, made from the folder of a run."""

from behaviordist.report.write import write_report

__all__ = ["write_report"]
