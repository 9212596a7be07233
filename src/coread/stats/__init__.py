"""Statistics: arrays in, dataclasses out; imports nothing of Coread."""
