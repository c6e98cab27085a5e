"""What long work says while it runs, and who listens."""

from csgrepo.progress.stream import Event, Reporter, Task, listen

__all__ = ["Event", "Reporter", "Task", "listen"]
