"""Phantoms and simulated damage with a truth known by construction."""
