"""Coread, the open second reader for autoimmune disease."""
