"""Transformations of inputs and targets, fitted on training rows only."""
