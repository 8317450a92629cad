"""Study `transfer`, for now the same as study `algorithms`."""

from behaviordist.studies.algorithms.method import Study, run_study

__all__ = ["Study", "run_study"]
