"""Tables: what their columns are, and what they hold."""
