"""Probe sets: load, validate, digest."""

from behaviordist.probes.probe import Probe
from behaviordist.probes.probe_set import ProbeSet, shipped_sets

__all__ = ["Probe", "ProbeSet", "shipped_sets"]
