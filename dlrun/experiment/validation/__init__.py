"""Validation schemes, one file each; each turns a dataset and a seed into a `SplitPlan`."""
