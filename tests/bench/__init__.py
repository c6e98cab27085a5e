"""Programs that measure. Each is a command of its own; `python -m tests.bench` is the one to start
with: csgrepo beside its peers. The test run only sees to it that that one works.
"""
