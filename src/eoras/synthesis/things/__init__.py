"""What lies in a scene: shapes, families of everyday things, other people's models."""
