"""Git LFS: its interface, uploads in parts, locks, and where the objects lie."""
