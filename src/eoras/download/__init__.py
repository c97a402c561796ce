"""Published data and checkpoints: where they are, a transfer that can be broken off, and unpacking."""
