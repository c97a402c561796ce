"""What things are made of and what surrounds them: materials, and panoramas with a sun."""
