"""Readings for people: page and PDF."""
