"""The routes under /csg, /hf and /ms, for the clients of other hubs."""
