"""The page: a video and its visible masks in a browser, whole objects out. ``serve`` in ``server.py`` opens it."""
