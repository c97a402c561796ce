"""A person's own video: visible masks in, whole objects out."""
