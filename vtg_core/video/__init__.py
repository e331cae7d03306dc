"""A video file as frames with their times: what is in it, which are taken, and how they are read. No text."""
