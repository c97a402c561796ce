"""Videos with exact amodal truth, made here: numpy and Pillow alone, no torch."""
