"""Readers: the only place that joins vision and formats into a reading."""
