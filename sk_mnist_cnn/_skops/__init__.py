"""Model files in the format of skops: what they may hold, and how they are read without skops."""
