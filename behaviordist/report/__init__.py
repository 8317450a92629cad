"""Reports: seaborn figures and one self-contained HTML page, made from the folder of a run.

`behaviordist.report.write.write_report` is the entry; it is not imported here, so that importing
this package loads no plotting library.
"""
