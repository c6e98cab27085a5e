"""What runs, or would: deploys, tasks, what they print, and the model that echoes."""
