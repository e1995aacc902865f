"""Stage 2: from ScanStores to ViewSets, path-traced ground truth with a known noise floor."""
