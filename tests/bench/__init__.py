"""Programs that measure. Each is a command of its own; the test run starts none of them."""
