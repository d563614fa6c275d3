"""What everything stands on: settings, text, files, the machine and its limits, interruption."""
