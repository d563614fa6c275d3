"""Scores: metrics, intervals, baselines, diagnosis."""
