"""Training of readers from recipes. Torch lives here only."""
