"""Small videos for tests: flat shapes that pass one behind another, with exact amodal truth; numpy and Pillow alone."""
