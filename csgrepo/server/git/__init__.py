"""Bare repositories: served over smart HTTP, checked, read, and committed to."""
