"""What the YAML may say; a folder a section."""
