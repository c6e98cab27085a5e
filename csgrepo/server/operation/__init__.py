"""Running a hub: its calls for the operator, logs, numbers, memory and backups."""
