"""Check model files in the format of skops, and read them without skops."""
