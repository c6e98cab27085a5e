"""Faults on purpose: what they are, how they are ordered, and how an answer is spoiled."""
