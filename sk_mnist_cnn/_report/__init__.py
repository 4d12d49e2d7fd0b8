"""Scores, text and HTML page of an `EvaluationReport`. They need pandas, and the page matplotlib."""
