"""Data to predict, and predictions, as files."""
