"""The file of study `reciprocity`: a study of algorithms, and what counts as no asymmetry."""

from __future__ import annotations

from pydantic import Field

from behaviordist.studies.algorithms import study


class Study(study.Study):
    """A transfer study, and what counts as no asymmetry."""

    irrelevant_share: float = Field(default=0.1, gt=0, lt=1)
