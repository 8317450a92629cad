"""Objectives, a module an algorithm: `registry` offers them to engines (`objective.Objective`)."""
