"""Stage 1: from any CT to a ScanStore on the working grid. Never imports torch or mitsuba."""
