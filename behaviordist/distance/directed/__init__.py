"""Directed distances: how surprising a target's answers are to a source, rows = source."""

from behaviordist.distance.directed.answers import Answer, AnswerSet
from behaviordist.distance.directed.divergences import divergences
from behaviordist.distance.directed.drawn import draw_answers
from behaviordist.distance.directed.matrix import DirectedMatrix

__all__ = ["Answer", "AnswerSet", "DirectedMatrix", "divergences", "draw_answers"]
