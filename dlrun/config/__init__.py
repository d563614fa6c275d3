"""From YAML text to a validated Experiment: reading, marks, overrides, messages, schema."""
