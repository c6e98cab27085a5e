"""The REST interface under /api/v1, one module for each noun."""
