"""Other libraries, reading from the hub; each is loaded only by the module that is named for it."""
