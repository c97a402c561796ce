"""Training: losses, the loop, checkpoints, run folders and logs."""
