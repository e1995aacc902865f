"""Stage 4: prepares a method's scene, renders the test views, scores them and keeps the record."""
