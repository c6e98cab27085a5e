"""Software that nobody here wrote, as server or as client of ours."""
