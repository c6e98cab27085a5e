"""Git itself: running it, reading what it prints, and its index.

`runner` is the only module of the project that starts git, `index` the only one that imports
GitPython, `parse` holds the pure readers of machine output.
"""
