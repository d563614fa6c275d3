"""From YAML text to validated settings: reading, marks, overrides, messages, schema."""
