"""Files into studies and readings, and readings into files."""
