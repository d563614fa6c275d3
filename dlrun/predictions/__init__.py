"""PREDICT: from a stored run to predictions for new data."""
